package kubernetes_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// ingressApp is the original with suffix "", and the canary, as a split by an Ingress has
// it. nodes says where its pods go.
func ingressApp(suffix, version, nodes string) string {
	replicas := "replicas: 4"
	if suffix != "" {
		replicas = "progressDeadlineSeconds: 60"
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: shop%[1]s}
spec:
  %[3]s
  selector: {matchLabels: {app: shop%[1]s}}
  template:
    metadata: {labels: {app: shop%[1]s}}
    spec:
      %[4]s
      containers: [{name: app, image: "serin.test/app:%[2]s"}]
---
apiVersion: v1
kind: Service
metadata: {name: web%[1]s}
spec: {selector: {app: shop%[1]s}, ports: [{port: 80, targetPort: 8080}]}
`, suffix, version, replicas, nodes)
}

// ingressOf leads to the Service, for a host or without one.
func ingressOf(host string) string {
	return fmt.Sprintf(`---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: nginx
  rules:
  - %s
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
`, host)
}

func TestIngressOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{GatewayDelay: 300 * time.Millisecond})
	for name, run := range map[string]func(*splitScene){
		"without a probe":                 ingressAssumed,
		"restored from any phase":         ingressRestored,
		"a canary that is somebody's own": ingressForeign,
		"somebody else sets the weight":   ingressMeddled,
		"the original is gone":            ingressGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := rollout.Ingress{Name: "shop", Prefix: "nginx.ingress.kubernetes.io", Header: "X-Canary", Cookie: "canary"}
			run(openSplit(t, c, rollout.Kubernetes{Ingress: &in}, onKwok("", "v1")+ingressOf("host: shop.test")))
		})
	}
	t.Run("with a probe", func(t *testing.T) {
		t.Parallel()
		in := rollout.Ingress{
			Name: "shop", Prefix: "nginx.ingress.kubernetes.io",
			Probe: &rollout.Probe{URL: "http://" + c.Gateway + "/", Header: "X-Pod"},
		}
		ingressProbed(openSplit(t, c, rollout.Kubernetes{Ingress: &in}, onNode("", "v1")+ingressOf("host: \"\"")))
	})
}

func onKwok(suffix, version string) string {
	return ingressApp(suffix, version, "nodeSelector: {type: kwok}\n      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]")
}

// onNode has pods that really answer.
func onNode(suffix, version string) string {
	return ingressApp(suffix, version, "terminationGracePeriodSeconds: 5")
}

func (s *splitScene) canaryAnnotations() map[string]string {
	s.Helper()
	out := map[string]string{}
	for k, v := range s.live("ingresses", "shop-canary").GetAnnotations() {
		if name, ok := strings.CutPrefix(k, "nginx.ingress.kubernetes.io/"); ok {
			out[name] = v
		}
	}
	return out
}

func ingressAssumed(s *splitScene) {
	s.begin(onKwok("-canary", "v2"))
	if _, err := s.resource("ingresses").Get(s.ctx, "shop-canary", metav1.GetOptions{}); err == nil {
		s.Error("there is a canary Ingress before it has a weight")
	}
	for _, p := range []rollout.Weight{25, 100, 50} {
		s.deploy(s.at(p))
		o := s.shift(s.at(p), s.SetWeight)
		if !o.Assumed || o.Note != "requests can reach the canary by header X-Canary or cookie canary too" {
			s.Errorf("at %d%% observed %+v, want it assumed, and a note of the header", p, o)
		}
		want := map[string]string{"canary": "true", "canary-weight": fmt.Sprint(int(p)), "canary-by-header": "X-Canary", "canary-by-cookie": "canary"}
		if got := s.canaryAnnotations(); !maps.Equal(got, want) {
			s.Errorf("annotations are %v, want %v", got, want)
		}
	}
	canary := s.live("ingresses", "shop-canary")
	paths, _, _ := unstructured.NestedSlice(canary.Object, "spec", "rules")
	if text := fmt.Sprint(paths); strings.Contains(text, "/cart") || !strings.Contains(text, "web-canary") {
		s.Errorf("the canary's rules are %v, want only what leads to the Service", paths)
	}
	s.promote(onKwok("", "v2") + ingressOf("host: shop-v2.test"))
	rules, _, _ := unstructured.NestedSlice(s.live("ingresses", "shop").Object, "spec", "rules")
	if !strings.Contains(fmt.Sprint(rules), "shop-v2.test") {
		s.Errorf("promoted, the rules are %v, want the manifest's", rules)
	}
}

func ingressRestored(s *splitScene) {
	before := s.live("ingresses", "shop").GetResourceVersion()
	for _, phases := range [][]rollout.Weight{{}, {25}, {25, 50}} {
		s.begin(onKwok("-canary", "v2"))
		for _, p := range phases {
			s.deploy(s.at(p))
			s.shift(s.at(p), s.SetWeight)
		}
		s.shift(s.at(0), s.Restore)
		if len(phases) > 0 {
			if got := s.canaryAnnotations(); !maps.Equal(got, map[string]string{"canary": "true", "canary-weight": "0"}) {
				s.Errorf("after %v, the annotations are %v", phases, got)
			}
		}
	}
	if got := s.live("ingresses", "shop"); got.GetResourceVersion() != before {
		s.Error("the original Ingress was written before the promotion")
	}
	if err := s.Remove(s.ctx, s.at(0)); err != nil {
		s.Fatal(err)
	}
	s.until(s.at(0), "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	s.begin(onKwok("-canary", "v2"))
	s.shift(s.at(25), s.SetWeight)
}

func ingressForeign(s *splitScene) {
	s.begin(onKwok("-canary", "v2"))
	own := strings.NewReplacer("name: shop}", "name: shop-canary}", "name: web,", "name: mine,").Replace(ingressOf("host: shop.test"))
	s.apply(own)
	before := s.live("ingresses", "shop-canary").GetResourceVersion()
	for what, do := range map[string]func() error{
		"set weight": func() error { return s.SetWeight(s.ctx, s.at(25)) },
		"settle":     func() error { return s.SetWeight(s.ctx, s.at(0)) },
		"restore":    func() error { return s.Restore(s.ctx, s.at(0)) },
	} {
		if err := do(); rollout.KindOf(err) != rollout.Conflict {
			s.Errorf("%s: %v, want a conflict", what, err)
		}
	}
	if after := s.live("ingresses", "shop-canary").GetResourceVersion(); after != before {
		s.Error("somebody's Ingress was written")
	}
}

func ingressMeddled(s *splitScene) {
	s.begin(onKwok("-canary", "v2"))
	var before rollout.Observed
	for p := rollout.Weight(1); before.By != "serin"; p = 26 - p { // whoever else wrote in the same second is named
		before = s.shift(s.at(p), s.SetWeight)
	}
	before = s.shift(s.at(25), s.SetWeight)
	meddle := func(patch string) {
		if _, err := s.resource("ingresses").Patch(s.ctx, "shop-canary", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "mallory"}); err != nil {
			s.Fatal(err)
		}
	}
	meddle(`{"metadata":{"annotations":{"example.com/seen":"yes"}}}`)
	o := s.until(s.at(25), "a note", func(o rollout.Observed) bool { return o.Generation > before.Generation })
	if what := rollout.Drifted(o, before.Mark()); what != "" {
		s.Errorf("a note is drift: %s", what)
	}
	meddle(`{"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-by-header":"X-Mine"}}}`)
	o = s.until(s.at(25), "another header", func(o rollout.Observed) bool { return o.By == "mallory" })
	if what := rollout.Drifted(o, before.Mark()); !strings.HasPrefix(what, "mallory changed the service") {
		s.Errorf("drift is %q, want mallory's", what)
	}
	meddle(`{"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"90"}}}`)
	o = s.until(s.at(25), "another weight", func(o rollout.Observed) bool { return o.Split.Of(s.work.Stable) == 10 })
	if what := rollout.Drifted(o, before.Mark(), before.Split); !strings.HasPrefix(what, "mallory changed the split to") {
		s.Errorf("drift is %q, want mallory's", what)
	}
	s.shift(s.at(0), s.Restore)
}

// ingressGone takes the original away: what the canary gets can still be ended.
func ingressGone(s *splitScene) {
	s.begin(onKwok("-canary", "v2"))
	s.shift(s.at(25), s.SetWeight)
	if err := s.resource("ingresses").Delete(s.ctx, "shop", metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.until(s.at(25), "its end", func(o rollout.Observed) bool { return o.Note == "ingress shop does not exist" })
	if err := s.SetWeight(s.ctx, s.at(10)); rollout.KindOf(err) != rollout.NotFound {
		s.Errorf("another weight: %v, want that there is no ingress", err)
	}
	s.shift(s.at(0), s.Restore)
	if got := s.canaryAnnotations()["canary-weight"]; got != "0" {
		s.Errorf("the canary has weight %s", got)
	}
}

// ingressProbed has pods that answer with their names through the gateway.
func ingressProbed(s *splitScene) {
	s.begin(onNode("-canary", "v2"))
	for _, p := range []rollout.Weight{5, 50, 100} {
		s.deploy(s.at(p))
		if err := s.SetWeight(s.ctx, s.at(p)); err != nil {
			s.Fatal(err)
		}
		if o := s.shift(s.at(p), s.SetWeight); o.Assumed {
			s.Errorf("at %d%% the split is assumed, although a probe saw it", p)
		}
	}
	s.shift(s.at(0), s.Restore)
	w := s.work.Kubernetes.Ingress
	w.Probe.Header = "X-Nobody"
	if err := s.SetWeight(s.ctx, s.at(25)); err != nil {
		s.Fatal(err)
	}
	o := s.until(s.at(25), "an answer", func(o rollout.Observed) bool { return strings.Contains(o.Progress, "without header X-Nobody") })
	if o.Settled {
		s.Errorf("observed %+v, although nobody says who answers", o)
	}
	w.Probe.Header = "X-Pod"
	s.shift(s.at(25), s.SetWeight)
	s.promote(onNode("", "v2") + ingressOf("host: \"\""))
}
