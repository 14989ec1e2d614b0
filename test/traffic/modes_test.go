package traffic_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/load"
)

// TestModes has one row for each way in which a pipeline may differ from a canary by the
// weights of one route. Requests come all the time.
func TestModes(t *testing.T) {
	s := start(t)
	t.Run("rows", func(t *testing.T) {
		for _, row := range []struct {
			name string
			play func(t *testing.T, s site)
		}{
			{"destinations", destinations},
			{"standard", standard},
			{"example gateway", exampleGateway},
			{"copies", copies},
			{"custom full", customFull},
			{"match", matched},
			{"nginx by header and cookie", annotated},
			{"copies of a canary that fails", copiesFailed},
			{"custom restore", customRestored},
			{"custom hold", customHeld},
			{"a verifying pod that is evicted", evicted},
			{"routes", manyRoutes},
			{"metadata", metadata},
			{"google", google},
			{"example ingress", exampleIngress},
			{"example pods", examplePods},
			{"example custom", exampleCustom},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				row.play(t, s)
			})
		}
	})
}

// begin is what open does once a scene is made: v1 serves, and requests come.
func (s *scene) begin(path string) {
	s.T.Helper()
	s.sample = 200
	s.law = watchLaw(s.Ctx, s.T, s.cluster, s.namespace)
	s.Until(s.Release("v1", s.files("v1")), drive.In(rollout.StateSucceeded))
	s.load = s.stream(s.namespace+".test", path, nil)
}

// stream sends requests beside those of the scene. They end with the test, and none of them may be lost.
func (s *scene) stream(host, path string, header map[string]string) *load.Load {
	s.T.Helper()
	l := load.Start(s.Ctx, load.Options{
		URL: "http://" + s.cluster.Gateway + path, Host: host, Header: header, Answer: "X-Version", Rate: 50, Clients: 4,
	})
	s.T.Cleanup(func() {
		if got := l.Stop(); len(got.Failed) > 0 {
			s.T.Errorf("%d of %d requests to %s%s %v failed: %s", len(got.Failed), got.Requests, host, path, header, strings.Join(got.Failed[:min(5, len(got.Failed))], "\n  "))
		}
	})
	return l
}

// served waits until the gateway has heard of the endpoints of what nobody has rolled out.
func (s *scene) served(host string) {
	s.T.Helper()
	l := load.Start(s.Ctx, load.Options{URL: "http://" + s.cluster.Gateway + "/", Host: host, Answer: "X-Version", Rate: 50, Clients: 1})
	defer l.Stop()
	_, err := l.Next(s.Ctx, 1)
	s.must(err)
}

// only wants the release to answer all of the next requests of a stream.
func (s *scene) only(l *load.Load, what, release string) {
	s.T.Helper()
	answers, err := l.Next(s.Ctx, 30)
	s.must(err)
	if len(answers) != 1 || answers[release] == 0 {
		s.T.Errorf("%s: %v, want all of %s", what, answers, release)
	}
}

// together wants the release to answer its weight of several streams, none of which is special. One
// gateway deals them out as one, so that each for itself may have another share.
func (s *scene) together(release string, weight int, streams ...*load.Load) {
	s.T.Helper()
	answers, errs := make([]map[string]int, len(streams)), make([]error, len(streams))
	var wait sync.WaitGroup
	for i, l := range streams { // at the same time: only then they are one
		wait.Go(func() { answers[i], errs[i] = l.Next(s.Ctx, 200) })
	}
	wait.Wait()
	sum, own := 0, 0
	for i := range streams {
		s.must(errs[i])
		for who, n := range answers[i] {
			sum += n
			if who == release {
				own += n
			}
		}
	}
	if got := 100 * float64(own) / float64(sum); math.Abs(got-float64(weight)) > tolerance {
		s.T.Errorf("%s answers %.1f%% of all streams, want %d%%", release, got, weight)
	}
}

// restore cancels the rollout and takes its canary away.
func (s *scene) restore(name string) {
	s.T.Helper()
	s.Must(s.World.Client.Cancel(s.Ctx, s.Pipeline, name, rollout.Command{Restore: true, Actor: "ann"}))
	s.Until(name, drive.In(rollout.StateCancelled))
}

// all lists a resource of the scene's namespace.
func (s *scene) all(resource schema.GroupVersionResource) []unstructured.Unstructured {
	s.T.Helper()
	list, err := s.cluster.Dynamic.Resource(resource).Namespace(s.namespace).List(s.Ctx, metav1.ListOptions{})
	s.must(err)
	return list.Items
}

// core names a resource without a group.
func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

func scalers() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
}

// nothingLeft wants no object of the canary, pods included.
func (s *scene) nothingLeft() {
	s.T.Helper()
	for _, r := range []schema.GroupVersionResource{
		deployments(), scalers(), watched()["ingress"],
		core("services"), core("secrets"), core("configmaps"), core("pods"),
	} {
		for _, o := range s.all(r) {
			if strings.Contains(o.GetName(), "-canary") {
				s.T.Errorf("%s %s is left", r.Resource, o.GetName())
			}
		}
	}
}

// byPhases is a canary with the given runtime configuration and phases, the last one excluded, a line each.
func byPhases(runtime string, phases ...string) string {
	out := "          runtimeConfig:\n            kubernetes:\n              " + runtime + `
          customCanaryDeployment:
            phaseConfigs:
`
	for _, p := range phases {
		out += "              - {" + p + "}\n"
	}
	return out + "              - {phaseId: stable, percentage: 100}\n"
}

const byRoute = "gatewayServiceMesh: {httpRoute: shop, service: shop, deployment: shop}"

// matched: requests with a header or a cookie go to the canary, and no others, until the phase ends.
func matched(t *testing.T, s site) {
	t.Helper()
	sc := s.make(t, "m-match", options{canary: byPhases(byRoute,
		`phaseId: staff, percentage: 0, match: [{headers: [{name: X-Staff, value: "yes"}]}, {cookies: [{name: beta, regex: "on|1"}]}]`,
		"phaseId: canary-25, percentage: 25")})
	sc.begin("/")
	before := sc.spec(watched()["route"], service)
	staff := sc.stream("m-match.test", "/", map[string]string{"X-Staff": "yes"})
	beta := sc.stream("m-match.test", "/", map[string]string{"Cookie": "theme=dark; beta=1"})
	others := sc.stream("m-match.test", "/", map[string]string{"X-Staff": "no", "Cookie": "beta=10"})
	chosen := func(what, staffGets, othersGet string) {
		t.Helper()
		sc.only(staff, what+": by header", staffGets)
		sc.only(beta, what+": by cookie", staffGets)
		sc.only(others, what+": with other values", othersGet)
		sc.only(sc.load, what+": without", othersGet)
	}
	v2 := sc.Release("v2", sc.files("v2"))
	sc.Until(v2, after("staff"))
	if got := sc.spec(deployments(), canaryService)["replicas"]; got != int64(1) {
		t.Errorf("at 0%% the canary has %v pods, want 1", got)
	}
	chosen("staff", "v2", "v1")
	sc.restore(v2)
	chosen("restored", "v1", "v1")
	equalSpec(t, "the restored route", sc.spec(watched()["route"], service), before)
	sc.nothingLeft()

	v3 := sc.Release("v3", sc.files("v3"))
	sc.Until(v3, after("staff"))
	chosen("staff", "v3", "v1")
	sc.Advance(v3, "canary-25")
	sc.Until(v3, after("canary-25"))
	sc.together("v3", 25, sc.load, staff, beta, others)
	sc.Advance(v3, rollout.StablePhase)
	sc.Until(v3, drive.In(rollout.StateSucceeded))
	chosen("stable", "v3", "v3")
	equalSpec(t, "the route", sc.spec(watched()["route"], service), before)
	sc.end()
	sc.nothingLeft()
}

// annotated: header and cookie hold in every phase, the one at 0 % included.
func annotated(t *testing.T, s site) {
	t.Helper()
	const host = "m-nginx.test"
	sc := s.make(t, "m-nginx", options{
		role: "ingress",
		canary: byPhases("ingress: {ingress: shop, service: shop, deployment: shop, header: X-Canary, cookie: beta, routeUpdateWaitTime: 1s}",
			"phaseId: staff, percentage: 0", "phaseId: canary-25, percentage: 25"),
		files: func(version string) map[string]string {
			return map[string]string{"app.yaml": app(version), "ingress.yaml": ingress(host)}
		},
	})
	sc.begin("/")
	always := sc.stream(host, "/", map[string]string{"X-Canary": "always"})
	never := sc.stream(host, "/", map[string]string{"X-Canary": "never", "Cookie": "beta=always"})
	beta := sc.stream(host, "/", map[string]string{"Cookie": "beta=always"})
	v2 := sc.Release("v2", sc.files("v2"))
	for _, phase := range []string{"staff", "canary-25"} {
		if phase != "staff" {
			sc.Advance(v2, phase)
		}
		got := sc.Until(v2, drive.AsksFor(map[string]string{"staff": "canary-25", "canary-25": rollout.StablePhase}[phase]))
		if ph, _ := got.Phase(phase); phase != "staff" && !ph.Assumed {
			t.Errorf("%s is not told to be assumed: %+v", phase, ph)
		}
		sc.only(always, phase+": header always", "v2")
		sc.only(never, phase+": header never", "v1")
		sc.only(beta, phase+": cookie always", "v2")
	}
	sc.gives("canary-25", "v2", 25)
	sc.restore(v2)
	for what, l := range map[string]*load.Load{"header": always, "cookie": beta, "neither": sc.load} {
		sc.only(l, "restored: "+what, "v1")
	}
	sc.nothingLeft()
	v3 := sc.Release("v3", sc.files("v3"))
	sc.Advance(v3, "canary-25", rollout.StablePhase)
	sc.Until(v3, drive.In(rollout.StateSucceeded))
	sc.only(never, "stable: header never", "v3")
	sc.end()
	sc.nothingLeft()
}

// metadata: the canary's pods have theirs, and lose it when they become stable.
func metadata(t *testing.T, s site) {
	t.Helper()
	runtime := byRoute + `
              canaryMetadata: {labels: {team: blue}, annotations: {example.com/sampled: "all"}}
              stableMetadata: {labels: {team: green}, annotations: {example.com/sampled: "some"}}`
	sc := s.make(t, "m-metadata", options{canary: byPhases(runtime, "phaseId: canary-25, percentage: 25")})
	sc.begin("/")
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.wears(map[string]int{"app=shop-canary team=blue sampled=all v2": 1, "app=shop team=green sampled=some v1": 4})
	sc.Advance(v2, rollout.StablePhase)
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.wears(map[string]int{"app=shop team=green sampled=some v2": 4})
	sc.end()
}

// wears counts the pods that stay by their labels, annotations and images.
func (s *scene) wears(want map[string]int) {
	s.T.Helper()
	got := map[string]int{}
	for _, pod := range s.all(core("pods")) {
		if pod.GetDeletionTimestamp() != nil {
			continue
		}
		containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
		image, _, _ := unstructured.NestedString(containers[0].(map[string]any), "image")
		got[fmt.Sprintf("app=%s team=%s sampled=%s %s", pod.GetLabels()["app"], pod.GetLabels()["team"],
			pod.GetAnnotations()["example.com/sampled"], image[strings.LastIndex(image, ":")+1:])]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.T.Errorf("the pods are %v, want %v", got, want)
	}
}
