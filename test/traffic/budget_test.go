package traffic_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/kube"
)

// What a canary of four phases may ask of the API server, watches and waits included.
const (
	maxRequests       = 30
	maxRequestsCopies = 45 // with copies of a Secret, a ConfigMap and an HPA
)

// withCopies adds what a canary has to copy.
func withCopies(files map[string]string) map[string]string {
	files["app.yaml"] = strings.Replace(files["app.yaml"], "          ports:\n", `          envFrom:
            - configMapRef: {name: shop-config}
            - secretRef: {name: shop-secret}
          ports:
`, 1)
	files["more.yaml"] = `apiVersion: v1
kind: ConfigMap
metadata: {name: shop-config}
data: {COLOR: green}
---
apiVersion: v1
kind: Secret
metadata: {name: shop-secret}
stringData: {PASSWORD: hunter2-kept-out}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  minReplicas: 2
  maxReplicas: 8
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
`
	return files
}

// TestRequestBudget counts in the API server's audit log.
func TestRequestBudget(t *testing.T) {
	s := start(t)
	for _, row := range []struct {
		name  string
		limit int
		files func(namespace, version string) map[string]string
	}{
		{"plain", maxRequests, manifestFiles},
		{"copies", maxRequestsCopies, func(namespace, version string) map[string]string {
			return withCopies(manifestFiles(namespace, version))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			namespace := "budget-" + row.name
			sc := s.make(t, namespace, options{
				queue: namespace, canary: automatic(), files: func(version string) map[string]string { return row.files(namespace, version) },
			})
			sc.Until(sc.Release("v1", sc.files("v1")), drive.In(rollout.StateSucceeded))
			sc.must(sc.worker.Kill()) // so that no watch of v1 serves v2
			sc.newWorker(namespace)
			since := time.Now()
			sc.Until(sc.Release("v2", sc.files("v2")), drive.In(rollout.StateSucceeded))
			own, preflight := sc.requests(since)
			t.Logf("%d requests to the API server, besides %d of the preflight", len(own), len(preflight))
			s.report.count(row.name, len(own), len(preflight))
			if len(own) > row.limit {
				t.Errorf("%d requests, want at most %d:\n  %s", len(own), row.limit, strings.Join(own, "\n  "))
			}
			if len(own) == 0 {
				t.Error("nothing was counted")
			}
			sc.discreet("hunter2-kept-out", "containers:", `"containers"`, "PASSWORD")
		})
	}
	s.report.writeCounts(t)
}

// discreet wants none of the texts in any history of the pipeline.
func (s *scene) discreet(never ...string) {
	s.T.Helper()
	all, err := s.World.Everything(s.Ctx, s.Pipeline)
	s.must(err)
	if len(all) < 6 { // config, lane, two releases and two rollouts
		s.T.Errorf("only %d histories were read", len(all))
	}
	for id, text := range all {
		for _, n := range never {
			if strings.Contains(text, n) {
				s.T.Errorf("the history of %s contains %q", id, n)
			}
		}
	}
}

// automatic is a canary by an HTTPRoute that nobody has to advance.
func automatic() string {
	return strings.Replace(byGateway(""), "percentages: [25, 50, 75]", "percentages: [25, 50, 75]\n            advance: {mode: automatic}", 1)
}

// requests are the worker's since then: those of its canary, and those of its preflight,
// which asks what it may, and tries each write in a dry run.
func (s *scene) requests(since time.Time) (own, preflight []string) {
	s.T.Helper()
	all, err := s.cluster.Requests(s.Ctx, since)
	s.must(err)
	for _, r := range all {
		line := fmt.Sprintf("%s %s %s %d", r.Time.Format("05.000"), r.Verb, r.URI, r.Code)
		switch {
		case !strings.HasPrefix(r.User, "system:serviceaccount:"+s.namespace+":"):
		case ofPreflight(r):
			preflight = append(preflight, line)
		default:
			own = append(own, line)
		}
	}
	return own, preflight
}

// ofPreflight: questions about rights, dry runs, and what kinds there are.
func ofPreflight(r kube.Request) bool {
	return r.Group == "authorization.k8s.io" || strings.Contains(r.URI, "dryRun=All") || r.Resource == ""
}

// phaseGaps returns how long each canary phase took beyond the start of its pods and the
// acceptance of its route: before the first, between the two, and after the second.
func (s *scene) phaseGaps(ctx context.Context, name string) ([]time.Duration, error) {
	r, err := s.World.Client.Rollout(ctx, s.Pipeline, name)
	if err != nil {
		return nil, err
	}
	var out []time.Duration
	var began time.Time
	for _, e := range r.Events {
		switch e.Kind {
		case rollout.EventJobStarted:
			began = e.Time
		case rollout.EventJobSucceeded:
			if e.Phase == rollout.StablePhase {
				continue
			}
			gap, err := s.gap(ctx, began, e.Time)
			if err != nil {
				return nil, err
			}
			out = append(out, gap)
		default: // between them
		}
	}
	return out, nil
}

func (s *scene) gap(ctx context.Context, began, ended time.Time) (time.Duration, error) {
	all, err := s.cluster.Requests(ctx, began)
	if err != nil {
		return 0, err
	}
	wrote := map[string]time.Time{} // last write by resource
	for _, r := range all {
		if r.Verb == "patch" && !r.Time.After(ended) && r.Namespace == s.namespace && !strings.Contains(r.URI, "dryRun") &&
			strings.HasPrefix(r.User, "system:serviceaccount:"+s.namespace+":") {
			wrote[r.Resource] = r.Time
		}
	}
	deployed, routed := wrote["deployments"], wrote["httproutes"]
	if deployed.IsZero() || routed.IsZero() {
		return 0, fmt.Errorf("a phase of %s wrote %v", s.namespace, wrote)
	}
	ready := s.law.last(routed, "deployment", "slice")
	accepted := s.law.last(ended, "route")
	return deployed.Sub(began) + routed.Sub(ready) + ended.Sub(accepted), nil
}

// last is when the last change of these kinds before an instant was heard of.
func (l *law) last(before time.Time, kinds ...string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var at time.Time
	for _, c := range l.changes {
		for _, kind := range kinds {
			if c.kind == kind && c.at.Before(before) && c.at.After(at) {
				at = c.at
			}
		}
	}
	return at
}
