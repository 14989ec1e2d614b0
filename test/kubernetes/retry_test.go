package kubernetes_test

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// crashing is a Deployment whose pods end with an error before they are ready, and then wait, as those of a
// kubelet do, for longer than anybody looks.
func crashing(name string) string {
	d := coreDeployment(name, "v2")
	d = strings.Replace(d, "serin.test/app:v2", "serin.test/crash:v2", 1)
	d = strings.Replace(d, "nodeSelector: {type: kwok}", "terminationGracePeriodSeconds: 1", 1) // on a node that runs it
	d = strings.Replace(d, "    metadata: {labels: ", "    metadata: {annotations: {serin.test/back-off: 1m}, labels: ", 1)
	d = strings.Replace(d, "        ports: ", "        readinessProbe: {httpGet: {path: /healthz, port: 8080}}\n        ports: ", 1)
	return strings.Replace(d, "tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]", "", 1)
}

// coreRetry: what failed is not tried again under its name, and a retry that fails says so.
func coreRetry(s *coreScene) {
	s.begin(coreDeployment("shop", "v1", "replicas: 2") + coreService("shop") + strings.ReplaceAll(coreRoute, "%s", s.namespace))
	w := s.release(2, crashing("shop-canary")+coreService("shop-canary"))
	w.Kubernetes, w.Promotion, w.Phase, w.Weight = coreGatewayPlan(), false, "canary-50", 50
	w.Stable = s.observe(w).Split.Serving()[0].Revision
	s.keepBaseline(&w)
	s.wantFailure(w, "shop-2222222222")

	w.Attempt = 2
	if o := s.observe(w); o.Revision != "shop-2222222222-2" || o.Failure != "" {
		s.Errorf("retried, observed %+v, want another revision that has not failed", o)
	}
	s.wantFailure(w, "shop-2222222222-2")
	digest, _, _ := unstructured.NestedString(s.live("deployments", "shop-canary").Object,
		"spec", "template", "metadata", "annotations", "serin.dev/release-digest")
	if want := strings.TrimPrefix(w.Digest, "sha256:") + "-2"; digest != want {
		s.Errorf("the template carries %s, want %s", digest, want)
	}

	s.must("restore", s.Restore, w)
	if o := s.until(w, "everything to be settled", coreSettled); o.Split.Of(w.Stable) != 100 {
		s.Errorf("restored, the split is %s", o.Split)
	}
	w.Weight = 0
	s.must("remove", s.Remove, w)
	s.until(w, "the canary to be gone", coreSettled)
	s.wantGone("deployments", "shop-canary")
}

// wantFailure deploys w, which fails as the revision, moves nothing, and writes nothing when repeated.
func (s *coreScene) wantFailure(w activities.Work, revision string) {
	s.Helper()
	s.must("deploy", s.Deploy, w)
	o := s.until(w, "the failure", func(o rollout.Observed) bool { return o.Failure != "" && o.Settled })
	if o.Revision != revision || o.Ready || !strings.Contains(o.Failure, "crash") || o.Split.Of(w.Stable) != 100 {
		s.Errorf("observed %+v, want the failure of %s", o, revision)
	}
	s.began = time.Now()
	if kind := rollout.KindOf(s.SetWeight(s.ctx, w)); kind != rollout.Failed {
		s.Errorf("a share for it ends with %q, want Failed", kind)
	}
	s.must("deploy again", s.Deploy, w)
	s.wantNoWrites("a deployment of what failed, repeated")
}
