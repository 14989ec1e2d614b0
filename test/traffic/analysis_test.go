package traffic_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/load"
	"github.com/serin-dev/serin/test/metrics"
)

// measured is a site whose requests are counted by the pod that answers, and scraped.
type measured struct {
	site
	gauges     *metrics.Gauges
	prometheus *metrics.Server
}

// TestAnalysis watches canaries on a real cluster by the requests that they answer.
func TestAnalysis(t *testing.T) {
	m := measured{site: start(t), gauges: metrics.NewGauges()}
	t.Cleanup(m.gauges.Close)
	var err error
	if m.prometheus, err = metrics.Start(t.Context(), metrics.Options{Targets: []string{m.gauges.URL}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.prometheus.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("rows", func(t *testing.T) {
		for _, row := range []struct {
			name string
			play func(t *testing.T, m measured)
		}{
			{"a bad version is found and put back", found},
			{"a good version passes", passed},
			{"a version that becomes bad while it bakes", baked},
			{"a version that bakes well", bakedWell},
			{"fresh pods of stable come and go", comparedFresh},
			{"fresh pods of stable leave in a restore", restoredFresh},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				row.play(t, m)
			})
		}
	})
}

// bySuccess is what a canary is watched by: the series of its own pods.
const bySuccess = "{id: success, preset: request-success-rate, provider: kubernetes, interval: 1s, min: 99, minSamples: 2}"

// checks are further keys of an analysis.
func (m measured) checks(check string) string {
	return fmt.Sprintf("unreachableAfter: 12s, prometheus: {address: %q, checks: [%s]}", m.prometheus.URL, check)
}

// canary is one by the Gateway with a phase that is watched for four seconds, and further keys.
func (m measured) canary(analysis, extra string) string {
	return `          runtimeConfig:
            kubernetes:
              ` + byRoute + `
          canaryDeployment:
            percentages: [50]
            advance: {mode: automatic}
` + analysis + extra
}

// begin makes v1 serve, and sends requests whose answers are counted.
func (m measured) begin(t *testing.T, namespace, canary string, files func(string) map[string]string) *scene {
	t.Helper()
	return m.beginWith(t, namespace, options{canary: canary, files: files})
}

func (m measured) beginWith(t *testing.T, namespace string, o options) *scene {
	t.Helper()
	sc := m.make(t, namespace, o)
	sc.sample = 200
	sc.law = watchLaw(sc.Ctx, t, m.cluster, namespace)
	sc.Until(sc.Release("v1", sc.files("v1")), drive.In(rollout.StateSucceeded))
	sc.load = load.Start(sc.Ctx, load.Options{
		URL: "http://" + m.cluster.Gateway + "/", Host: namespace + ".test", Answer: "X-Version", Rate: 50, Clients: 4,
		Seen: func(res *http.Response) {
			m.gauges.Add(fmt.Sprintf("http_request_duration_seconds_count{kubernetes_namespace=%q,kubernetes_pod_name=%q,status=\"%d\"}",
				namespace, res.Header.Get("X-Pod"), res.StatusCode), 1)
		},
	})
	t.Cleanup(func() { sc.load.Stop() })
	return sc
}

// erring are files of which each version but v1 answers half of its requests with an error.
func erring(namespace string) func(string) map[string]string {
	return func(version string) map[string]string {
		files := manifestFiles(namespace, version)
		if version != "v1" {
			files["app.yaml"] = strings.Replace(files["app.yaml"], "env:\n", "env:\n            - {name: ERROR_RATE, value: \"50\"}\n", 1)
		}
		return files
	}
}

// found: first the traffic goes back. The pods are kept for a look, and then taken away.
func found(t *testing.T, m measured) {
	t.Helper()
	const namespace = "a-found"
	sc := m.begin(t, namespace, m.canary("            analysis: {duration: 60s, "+m.checks(bySuccess)+"}\n", "          debugFor: 4s\n"), erring(namespace))
	before := sc.spec(watched()["route"], service)
	v2 := sc.Release("v2", sc.files("v2"))
	got := sc.Until(v2, drive.In(rollout.StateFailed))
	sc.Went(got, "created by ann", "granted", "baseline", "settled",
		"canary-50 started", "canary-50 shifted 50%", "canary-50 succeeded", "canary-50 analysis started",
		"canary-50 analysis failed: "+got.Failure, "restored", "failed")
	if !strings.HasPrefix(got.Failure, "success: ") || !strings.HasSuffix(got.Failure, " is below 99") {
		t.Errorf("it has failed because of %q", got.Failure)
	}
	equalSpec(t, "the restored route", sc.spec(watched()["route"], service), before)
	if kept := sc.spec(deployments(), canaryService); kept == nil || kept["replicas"] == int64(0) {
		t.Errorf("the canary is %v, want its pods kept", kept)
	}
	bad := len(sc.load.Report().Failed)
	if bad == 0 {
		t.Error("no request has failed, so nothing was found")
	}
	sc.gives("restored", "v2", 0)
	if now := len(sc.load.Report().Failed); now > bad+4 { // those that were under way
		t.Errorf("%d requests have failed after the restore", now-bad)
	}
	removed := func(r client.Rollout) bool { return drive.Has(r, "debugFor has removed the canary") }
	sc.look(m, v2, removed)
	sc.nothingLeft()
	sc.lawful()
}

func passed(t *testing.T, m measured) {
	t.Helper()
	sc := m.begin(t, "a-passed", m.canary("            analysis: {duration: 4s, "+m.checks(bySuccess)+"}\n", ""), nil)
	v2 := sc.Release("v2", sc.files("v2"))
	got := sc.Until(v2, drive.In(rollout.StateSucceeded))
	if c := got.Job("canary-50", rollout.JobAnalysis).Run.Outcome.Checks[0]; c.Verdict != rollout.VerdictPass || c.Samples < 2 || c.Last == nil || *c.Last < 99.99 {
		t.Errorf("the check is %s", c)
	}
	sc.gives("stable", "v2", 100)
	sc.end()
}

// baking is a canary that bakes by the gauge of its namespace.
func (m measured) baking() string {
	const check = `{id: errors, query: 'gauge{row="{{.Namespace}}"}', interval: 1s, max: 1, minSamples: 2}`
	return m.canary("", "          bake: {duration: 5s, analysis: {"+m.checks(check)+"}}\n          debugFor: 2s\n")
}

// baked: with all requests on the canary the original still is what it was, so that they go back at once.
func baked(t *testing.T, m measured) {
	t.Helper()
	const namespace = "a-baked"
	series := fmt.Sprintf("gauge{row=%q}", namespace)
	m.gauges.Set(series, 0)
	sc := m.begin(t, namespace, m.baking(), nil)
	before := sc.spec(watched()["route"], service)
	v2 := sc.Release("v2", sc.files("v2"))
	sc.Until(v2, func(r client.Rollout) bool {
		j := r.Job("bake", rollout.JobAnalysis)
		return j != nil && j.State == rollout.JobInProgress
	})
	sc.gives("bake", "v2", 100)
	if original := sc.spec(deployments(), service); original["replicas"] != int64(4) || !strings.Contains(fmt.Sprint(original), "serin.test/app:v1") {
		t.Errorf("the original is %v, want 4 pods of v1", original)
	}
	m.gauges.Set(series, 5)
	got := sc.Until(v2, drive.In(rollout.StateFailed))
	sc.Went(got, "created by ann", "granted", "baseline", "settled",
		"canary-50 started", "canary-50 shifted 50%", "canary-50 succeeded", "bake advanced by automation",
		"bake started", "bake shifted 100%", "bake succeeded", "bake analysis started",
		"bake analysis failed: errors: 5 is above 1", "restored", "failed")
	sc.gives("restored", "v2", 0)
	equalSpec(t, "the restored route", sc.spec(watched()["route"], service), before)
	sc.end() // not one request was lost
}

func bakedWell(t *testing.T, m measured) {
	t.Helper()
	const namespace = "a-well"
	m.gauges.Set(fmt.Sprintf("gauge{row=%q}", namespace), 0)
	sc := m.begin(t, namespace, m.baking(), nil)
	v2 := sc.Release("v2", sc.files("v2"))
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v2", 100)
	sc.end()
	sc.nothingLeft()
}

// look asks at each scrape until the rollout satisfies done, also once it has failed.
func (s *scene) look(m measured, name string, done func(client.Rollout) bool) {
	s.T.Helper()
	began := time.Now()
	for {
		r := s.Read(name)
		if done(r) {
			return
		}
		if err := m.gauges.Scraped(s.Ctx, 0); err != nil {
			s.T.Fatalf("%v after %s\n%s", err, time.Since(began), strings.Join(drive.Path(r), "\n"))
		}
	}
}

// lawful holds the scene to the law, some of whose requests were bad on purpose.
func (s *scene) lawful() {
	s.T.Helper()
	breaches, _ := s.law.breaches(s.shared)
	for _, b := range breaches {
		s.T.Error(b)
	}
}
