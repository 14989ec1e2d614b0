package kubernetes_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// podsApp is the original with suffix "", and the canary, as a split by pods has it.
func podsApp(suffix, version, tier string) string {
	replicas, track := "replicas: 4", ""
	if suffix != "" {
		replicas, track = "progressDeadlineSeconds: 60", ", serin.dev/track: canary"
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: shop%[1]s}
spec:
  %[3]s
  selector: {matchLabels: {app: shop%[4]s}}
  template:
    metadata: {labels: {app: shop%[4]s%[5]s}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: app, image: "serin.test/app:%[2]s"}]
`, suffix, version, replicas, track, tier)
}

const podsService = `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: shop, tier: web}, ports: [{port: 80, targetPort: 8080}]}
`

func TestPodsOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, run := range map[string]func(*splitScene){
		"beside an original":                    podsBeside,
		"a Service that lacks the canary":       podsNarrowed,
		"restored from any phase":               podsRestored,
		"a cancelled rollout is found again":    podsFoundAgain,
		"a canary that never starts":            podsBroken,
		"other pods must not get the requests":  podsStrangers,
		"somebody scales while a phase waits":   podsScaled,
		"somebody else has written the Service": podsMeddled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(openSplit(t, c, rollout.Kubernetes{Pods: &rollout.Pods{}}, podsApp("", "v1", ", tier: web")+podsService))
		})
	}
	t.Run("a constant total", func(t *testing.T) {
		t.Parallel()
		podsConstant(openSplit(t, c, rollout.Kubernetes{Pods: &rollout.Pods{Constant: true}}, podsApp("", "v1", ", tier: web")+podsService))
	})
}

func podsBeside(s *splitScene) {
	s.begin(podsApp("-canary", "v2", ", tier: web"))
	s.wantPods(0, 4)
	for _, row := range []struct {
		p      rollout.Weight
		canary int64
	}{{25, 2}, {50, 4}, {75, 12}, {10, 1}} {
		o := s.shift(s.at(row.p), s.SetWeight)
		s.wantPods(row.canary, 4)
		if want := fmt.Sprintf("by pod count: %d canary, 4 original: ", row.canary); !strings.HasPrefix(o.Note, want) {
			s.Errorf("at %d%% the note is %q, want %q", row.p, o.Note, want)
		}
	}
	s.promote(podsApp("", "v2", ", tier: web") + podsService)
}

func podsNarrowed(s *splitScene) {
	s.begin(podsApp("-canary", "v2", ""))
	s.shift(s.at(25), s.SetWeight)
	s.wantPods(2, 4)
	if got := s.selector(); !maps.Equal(got, map[string]string{"app": "shop"}) {
		s.Errorf("the Service selects %v, want the canary's pods too", got)
	}
	s.promote(podsApp("", "v2", ", tier: web") + podsService)
	if got := s.selector(); !maps.Equal(got, map[string]string{"app": "shop", "tier": "web"}) {
		s.Errorf("promoted, the Service selects %v", got)
	}
	if note := s.live("services", "web").GetAnnotations()["serin.dev/selector"]; note != "" {
		s.Errorf("promoted, the Service still counts as narrowed: %s", note)
	}
}

func podsRestored(s *splitScene) {
	before := s.live("services", "web")
	for _, phases := range [][]rollout.Weight{{}, {25}, {25, 50}} {
		s.begin(podsApp("-canary", "v2", ""))
		for _, p := range phases {
			s.shift(s.at(p), s.SetWeight)
		}
		s.shift(s.at(0), s.Restore)
		s.wantPods(0, 4)
		if got, _, _ := unstructured.NestedMap(s.live("services", "web").Object, "spec"); fmt.Sprint(got) != fmt.Sprint(before.Object["spec"]) {
			s.Errorf("after %v, the Service is %v, it was %v", phases, got, before.Object["spec"])
		}
	}
}

func podsConstant(s *splitScene) {
	s.begin(podsApp("-canary", "v2", ""))
	for _, row := range []struct {
		p                rollout.Weight
		canary, original int64
	}{{25, 1, 3}, {50, 2, 2}, {90, 4, 0}, {25, 1, 3}, {0, 0, 4}, {75, 3, 1}} {
		s.shift(s.at(row.p), s.SetWeight)
		s.wantPods(row.canary, row.original)
	}
	if err := s.ScaleStable(s.ctx, s.at(0)); err != nil {
		s.Fatal(err)
	}
	s.until(s.at(0), "the original to have its pods", func(o rollout.Observed) bool { return o.StableReady })
	s.shift(s.at(0), s.Restore)
	s.wantPods(0, 4)
	s.deploy(s.at(75))
	s.shift(s.at(75), s.SetWeight)
	s.promote(strings.Replace(podsApp("", "v2", ", tier: web"), "replicas: 4", "paused: false", 1) + podsService)
	if n := number(s.live("deployments", "shop"), "spec", "replicas"); n != 4 {
		s.Errorf("promoted, the original has %d pods, want all 4 again", n)
	}
}

// podsFoundAgain is cancelled with all pods in the canary, and another rollout begins.
func podsFoundAgain(s *splitScene) {
	s.work.Kubernetes.Pods.Constant = true
	s.begin(podsApp("-canary", "v2", ""))
	s.shift(s.at(90), s.SetWeight)
	s.wantPods(4, 0)
	s.work.Baseline, s.work.Digest = "", "sha256:"+strings.Repeat("3", 64)
	s.work.Rollout = "v3-to-prod-0001"
	if problems, err := s.Check(s.ctx, s.at(25)); err != nil || len(problems) > 0 {
		s.Errorf("check found %v, %v", problems, err)
	}
	s.work.Manifest = s.store(podsApp("-canary", "v3", ""))
	spec, err := s.Record(s.ctx, s.at(25))
	if err != nil {
		s.Fatal(err)
	}
	s.work.Baseline = s.store(string(spec))
	s.shift(s.at(0), s.SetWeight)
	s.wantPods(0, 4)
}

func podsBroken(s *splitScene) {
	broken := strings.Replace(podsApp("-canary", "v2", ""), "nodeSelector: {type: kwok}", "nodeSelector: {type: none}", 1)
	s.work.Kubernetes.Pods.Constant = true
	s.begin(broken)
	if err := s.SetWeight(s.ctx, s.at(25)); err != nil {
		s.Fatal(err)
	}
	o := s.until(s.at(25), "the pod", func(o rollout.Observed) bool { return strings.Contains(o.Progress, "cannot be scheduled") })
	if o.Settled || o.Split.Of(s.work.Stable) != 100 {
		s.Errorf("observed %+v, want it to wait with all requests at stable", o)
	}
	s.await("deployments", "shop", func(o *unstructured.Unstructured) bool { return number(o, "status", "readyReplicas") == 4 })
	s.shift(s.at(0), s.SetWeight) // what another rollout does first
	s.wantPods(0, 4)
}

func podsStrangers(s *splitScene) {
	s.apply(strings.NewReplacer("name: shop}", "name: jobs}", "{app: shop}", "{app: shop, tier: jobs}", "{app: shop, tier: web}", "{app: shop, tier: jobs}").
		Replace(podsApp("", "v1", ", tier: web")))
	s.await("deployments", "jobs", func(o *unstructured.Unstructured) bool { return number(o, "status", "readyReplicas") == 4 })
	s.begin(podsApp("-canary", "v2", ""))
	const text = "to select the canary it would be narrowed to the label app, which other pods have too (jobs-"
	err := s.SetWeight(s.ctx, s.at(25))
	if rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), text) {
		s.Errorf("error is %v, want %q", err, text)
	}
	problems, err := s.Check(s.ctx, s.at(25))
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, text) {
		s.Errorf("check found %v, %v, want %q", problems, err, text)
	}
	s.wantPods(0, 4)
}

func podsScaled(s *splitScene) {
	s.begin(podsApp("-canary", "v2", ", tier: web"))
	before := s.shift(s.at(25), s.SetWeight)
	patch := []byte(`{"spec":{"replicas":6}}`)
	if _, err := s.resource("deployments").Patch(s.ctx, "shop", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl"}, "scale"); err != nil {
		s.Fatal(err)
	}
	o := s.until(s.at(25), "six pods", func(o rollout.Observed) bool { return o.Settled && strings.Contains(o.Note, "6 original") })
	if what := rollout.Drifted(o, before.Mark()); what != "" || o.Generation != before.Generation {
		s.Errorf("scaling is drift: %q, generation %d after %d", what, o.Generation, before.Generation)
	}
}

func podsMeddled(s *splitScene) {
	s.begin(podsApp("-canary", "v2", ", tier: web"))
	var before rollout.Observed
	for p := rollout.Weight(50); before.By != "serin"; p = 75 - p { // whoever else wrote in the same second is named
		before = s.shift(s.at(p), s.SetWeight)
	}
	patch := []byte(`[{"op":"add","path":"/spec/selector/serin.dev~1track","value":"canary"}]`)
	if _, err := s.resource("services").Patch(s.ctx, "web", types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: "mallory"}); err != nil {
		s.Fatal(err)
	}
	o := s.until(s.at(25), "mallory's selector", func(o rollout.Observed) bool {
		return o.By == "mallory" && strings.Contains(o.Progress, "0 ready endpoints")
	})
	if what := rollout.Drifted(o, before.Mark()); !strings.HasPrefix(what, "mallory changed the service") {
		s.Errorf("drift is %q, want mallory's", what)
	}
}
