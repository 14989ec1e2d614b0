package traffic_test

import (
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

const baseline = service + "-baseline"

// byFresh compares the errors of the canary's pods with those of as many pods of stable that began with
// them. A version whose pods have answered nothing has no value.
const byFresh = `
                - id: errors
                  query: >-
                    (sum(rate(http_request_duration_seconds_count{kubernetes_namespace="{{.Namespace}}",kubernetes_pod_name=~"{{regex .Canary}}-.+",status="500"}[4s])) or vector(0))
                    / sum(rate(http_request_duration_seconds_count{kubernetes_namespace="{{.Namespace}}",kubernetes_pod_name=~"{{regex .Canary}}-.+"}[4s]))
                  interval: 1s
                  max: 0.1
                  compare: {to: stable, fresh: true, direction: increase, noData: fail}
`

// fresh is a canary that is compared with fresh pods of stable for so long.
func (m measured) fresh(duration string) options {
	return options{
		role: "gateway fresh",
		canary: m.canary("            analysis:\n              duration: "+duration+
			"\n              prometheus:\n                address: "+m.prometheus.URL+"\n                checks:"+byFresh, ""),
	}
}

// analyzed reports whether the analysis of the phase runs.
func analyzed(r client.Rollout) bool {
	j := r.Job("canary-50", rollout.JobAnalysis)
	return j != nil && j.State == rollout.JobInProgress
}

// wantBeside wants as many fresh pods of stable as the canary has.
func (s *scene) wantBeside() {
	s.T.Helper()
	canary, fresh, original := s.spec(deployments(), canaryService), s.spec(deployments(), baseline), s.spec(deployments(), service)
	if canary == nil || fresh == nil || canary["replicas"] != int64(2) || fresh["replicas"] != int64(2) || original["replicas"] != int64(4) {
		s.T.Errorf("the canary is %v, beside it %v, the original %v", canary, fresh, original)
	}
}

// goneBeside wants none left.
func (s *scene) goneBeside() {
	s.T.Helper()
	if left := s.spec(deployments(), baseline); left != nil {
		s.T.Errorf("deployment %s is left: %v", baseline, left)
	}
	for _, o := range s.all(core("pods")) {
		if strings.HasPrefix(o.GetName(), baseline+"-") {
			s.T.Errorf("pod %s is left", o.GetName())
		}
	}
}

// comparedFresh: both versions answer well, each with pods that began together, and no request is lost when
// they come or go.
func comparedFresh(t *testing.T, m measured) {
	t.Helper()
	sc := m.beginWith(t, "a-fresh", m.fresh("15s"))
	v2 := sc.Release("v2", sc.files("v2"))
	sc.Until(v2, analyzed)
	sc.wantBeside()
	sc.gives("canary-50", "v2", 50)
	got := sc.Until(v2, drive.In(rollout.StateSucceeded))
	if c := got.Job("canary-50", rollout.JobAnalysis).Run.Outcome.Checks[0]; c.Verdict != rollout.VerdictPass || c.Score == nil || *c.Score != 100 {
		t.Errorf("the check is %s", c)
	}
	sc.gives("stable", "v2", 100)
	sc.goneBeside()
	sc.end()
	sc.waitGone()
}

// restoredFresh: the pods serve no longer once they are told to end. That they have left the Service before is
// held by the order of writes, in test/kubernetes.
func restoredFresh(t *testing.T, m measured) {
	t.Helper()
	const namespace = "a-fresh-back"
	o := m.fresh("60s")
	o.files = func(version string) map[string]string {
		files := manifestFiles(namespace, version)
		files["app.yaml"] = strings.Replace(files["app.yaml"], "{name: PRESTOP, value: 1s}", "{name: PRESTOP, value: 0s}", 1)
		return files
	}
	sc := m.beginWith(t, namespace, o)
	before := sc.spec(watched()["route"], service)
	v2 := sc.Release("v2", sc.files("v2"))
	sc.Until(v2, analyzed)
	sc.wantBeside()
	sc.gives("canary-50", "v2", 50)
	sc.Must(sc.World.Client.Cancel(sc.Ctx, sc.Pipeline, v2, rollout.Command{Restore: true, Actor: "ann"}))
	sc.Until(v2, drive.In(rollout.StateCancelled))
	sc.gives("restored", "v2", 0)
	sc.goneBeside()
	sc.end()
	sc.waitGone()
	equalSpec(t, "the route", sc.spec(watched()["route"], service), before)
}
