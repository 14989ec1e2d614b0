package jobs_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func tasks(ids ...string) []rollout.Task {
	out := make([]rollout.Task, len(ids))
	for i, id := range ids {
		out[i] = rollout.Task{ID: id, Image: "test"}
	}
	return out
}

func ended(v rollout.Verdict, reason string) activities.TaskResult {
	return activities.TaskResult{Verdict: v, Reason: reason, Logs: []byte("it ends")}
}

func TestTasksAreRunAndJudged(t *testing.T) {
	t.Parallel()
	const fail, inconclusive = rollout.VerdictFail, rollout.VerdictInconclusive
	for _, row := range []struct {
		name     string
		parallel bool
		ends     map[string]activities.TaskResult
		held     string
		want     rollout.Verdict
		reason   string
		checks   string // id: verdict (reason)
		calls    string
		logs     string
	}{
		{
			name: "in order, all pass", want: rollout.VerdictPass,
			checks: "a: pass, b: pass, c: pass", calls: "run a, run b, run c",
			logs: "== a ==\nlog of a\n== b ==\nlog of b\n== c ==\nlog of c\n",
		},
		{
			name: "the first that fails ends it", ends: map[string]activities.TaskResult{"b": ended(fail, "task b exited with 3")},
			want: fail, reason: "task b exited with 3",
			checks: "a: pass, b: fail (task b exited with 3), c:  (not run, because of the one before)", calls: "run a, run b",
			logs: "== a ==\nlog of a\n== b ==\nit ends\n",
		},
		{
			name: "what never ran is no success of the next", ends: map[string]activities.TaskResult{"a": {Verdict: inconclusive, Reason: "task a never ran"}},
			want: inconclusive, reason: "task a never ran",
			checks: "a: inconclusive (task a never ran), b:  (not run, because of the one before), c:  (not run, because of the one before)", calls: "run a",
		},
		{
			name: "at once, all pass", parallel: true, want: rollout.VerdictPass,
			checks: "a: pass, b: pass, c: pass", calls: "run a, run b, run c",
			logs: "== a ==\nlog of a\n== b ==\nlog of b\n== c ==\nlog of c\n",
		},
		{
			name: "at once, the first that fails stops the others", parallel: true, held: "c",
			ends: map[string]activities.TaskResult{"a": ended(inconclusive, "evicted"), "b": ended(fail, "task b exited with 1")},
			want: fail, reason: "task b exited with 1",
			checks: "a: inconclusive (evicted), b: fail (task b exited with 1), c:  (stopped, because another one failed)",
			calls:  "run a, run b, run c, stop c", logs: "== a ==\nit ends\n== b ==\nit ends\n",
		},
		{
			name: "at once, what is inconclusive waits for the others", parallel: true,
			ends: map[string]activities.TaskResult{"a": ended(inconclusive, "evicted")}, want: inconclusive, reason: "evicted",
			checks: "a: inconclusive (evicted), b: pass, c: pass", calls: "run a, run b, run c",
			logs: "== a ==\nit ends\n== b ==\nlog of b\n== c ==\nlog of c\n",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			maps.Copy(s.ends, row.ends)
			s.held[row.held] = true
			out := s.runs(rollout.JobSpec{Tasks: tasks("a", "b", "c"), Parallel: row.parallel})
			if out.Verdict != row.want || out.Reason != row.reason {
				t.Errorf("got %s (%s), want %s (%s)", out.Verdict, out.Reason, row.want, row.reason)
			}
			if got := told(out); got != row.checks {
				t.Errorf("checks are\n%s, want\n%s", got, row.checks)
			}
			if got := strings.Join(s.called(row.parallel), ", "); got != row.calls {
				t.Errorf("calls are %s, want %s", got, row.calls)
			}
			if got := s.log(out); row.held == "" && got != row.logs {
				t.Errorf("log is\n%swant\n%s", got, row.logs)
			}
		})
	}
}

func told(o rollout.Outcome) string {
	var out []string
	for _, c := range o.Checks {
		text := fmt.Sprintf("%s: %s", c.ID, c.Verdict)
		if c.Reason != "" {
			text += " (" + c.Reason + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestTheLastLinesAreKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var long strings.Builder
	for n := range 120 {
		fmt.Fprintln(&long, n)
	}
	s.ends["a"] = activities.TaskResult{Verdict: rollout.VerdictFail, Logs: []byte(long.String())}
	got := strings.Split(s.log(s.runs(rollout.JobSpec{Tasks: tasks("a")})), "\n")
	if len(got) != 52 || got[0] != "== a ==" || got[1] != "70" || got[50] != "119" {
		t.Errorf("%d lines, from %q to %q", len(got), got[1], got[len(got)-2])
	}
}

// An activity that could not look is done again; what it began is not stopped, as the next attempt
// finds it.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, parallel := range []bool{false, true} {
		s := newSite(t)
		s.held["a"] = parallel
		s.errs["b"] = &rollout.Error{Op: "kubernetes: run", Kind: rollout.Transient}
		_, err := s.do(activities.RunJob, s.request(rollout.JobSpec{Tasks: tasks("a", "b"), Parallel: parallel}))
		if kind, _ := activities.Cause(err); kind != rollout.Transient {
			t.Errorf("got %v", err)
		}
		if got := s.called(true); !reflect.DeepEqual(got, []string{"run a", "run b"}) {
			t.Errorf("parallel %v: calls are %v", parallel, got)
		}
	}
}

// What can never be looked at has nobody who comes back for it.
func TestWhatIsDeniedIsStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.held["a"] = true
	s.errs["b"] = &rollout.Error{Op: "kubernetes: run", Kind: rollout.Denied}
	_, err := s.do(activities.RunJob, s.request(rollout.JobSpec{Tasks: tasks("a", "b"), Parallel: true}))
	if kind, _ := activities.Cause(err); kind != rollout.Denied {
		t.Errorf("got %v", err)
	}
	if got := s.called(true); !slices.Contains(got, "stop a") {
		t.Errorf("calls are %v", got)
	}
}

func TestStopJobStopsEveryTask(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.do(activities.StopJob, s.request(rollout.JobSpec{Tasks: tasks("a", "b")})); err != nil {
		t.Fatal(err)
	}
	if got := s.called(true); !reflect.DeepEqual(got, []string{"stop a", "stop b"}) {
		t.Errorf("calls are %v", got)
	}
	if _, err := s.do(activities.StopJob, s.request(rollout.JobSpec{HTTP: []rollout.HTTPCheck{{ID: "home"}}})); err != nil {
		t.Errorf("without tasks: %v", err)
	}
}

func TestSpecsThatCannotBeRun(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		spec string
		want rollout.Kind
	}{
		{`{}`, rollout.Invalid},
		{`{"analysis":{}}`, rollout.Invalid},
		{`{"tasks":[{"id":"a"}],"newer":true}`, rollout.Unsupported},
		{`nothing`, rollout.Unsupported},
	} {
		s := newSite(t)
		_, err := s.do(activities.RunJob, s.stored([]byte(row.spec)))
		if kind, _ := activities.Cause(err); kind != row.want {
			t.Errorf("%s: got %v, want %s", row.spec, err, row.want)
		}
	}
	s := newSite(t)
	r := s.request(rollout.JobSpec{Tasks: tasks("a")})
	r.Work.Target.Runtime = "elsewhere"
	if _, err := s.do(activities.RunJob, r); kindOf(err) != rollout.Unsupported {
		t.Errorf("a platform without containers: %v", err)
	}
	r.Spec = "sha256:missing"
	if _, err := s.do(activities.RunJob, r); kindOf(err) != rollout.NotFound {
		t.Errorf("a spec that is gone: %v", err)
	}
}

func kindOf(err error) rollout.Kind {
	kind, _ := activities.Cause(err)
	return kind
}

func TestWhatTasksAreTold(t *testing.T) {
	t.Parallel()
	const inCloudRun = "projects/123/locations/europe-west1"
	for _, row := range []struct {
		name string
		work func(*activities.Work)
		want string
	}{
		{
			"GKE", func(*activities.Work) {},
			"CLOUD_DEPLOY_LOCATION=europe-west1 CLOUD_DEPLOY_PROJECT_ID=acme " +
				"GKE_CLUSTER=projects/acme/locations/europe-west1/clusters/main TARGET_TYPE=GKE",
		},
		{
			"a fleet", func(w *activities.Work) {
				w.Target.Cluster = &rollout.Cluster{Membership: "projects/acme/locations/global/memberships/main"}
			},
			"ANTHOS_MEMBERSHIP=projects/acme/locations/global/memberships/main CLOUD_DEPLOY_LOCATION=global CLOUD_DEPLOY_PROJECT_ID=acme TARGET_TYPE=ANTHOS",
		},
		{"any other cluster", func(w *activities.Work) { w.Target.Cluster = nil }, ""},
		{
			"Cloud Run", func(w *activities.Work) {
				w.Target.Cluster, w.Kubernetes, w.Target.Location, w.CloudRun = nil, nil, inCloudRun, &rollout.CloudRun{Service: "web"}
				w.Target.Runtime = rollout.RuntimeCloudRun
			},
			"CLOUD_DEPLOY_LOCATION=europe-west1 CLOUD_DEPLOY_PROJECT=123 CLOUD_RUN_LOCATION=europe-west1 CLOUD_RUN_PROJECT=123 " +
				"CLOUD_RUN_REVISION=REVISION CLOUD_RUN_SERVICE=web CLOUD_RUN_SERVICE_URLS=https://web.run.app TARGET_TYPE=RUN",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := s.request(rollout.JobSpec{Tasks: tasks("a")})
			row.work(&r.Work)
			r.URL = "https://web.run.app"
			if _, err := s.do(activities.RunJob, r); err != nil {
				t.Fatal(err)
			}
			var got []string
			env := s.env["a"]
			for _, name := range slices.Sorted(maps.Keys(env)) {
				if v := env[name]; !strings.Contains(common, name+"="+v) {
					if name == "CLOUD_RUN_REVISION" {
						v = "REVISION"
					}
					got = append(got, name+"="+v)
				}
			}
			if strings.Join(got, " ") != row.want {
				t.Errorf("got\n%s, want\n%s", strings.Join(got, " "), row.want)
			}
			for _, each := range strings.Fields(common) {
				name, value, _ := strings.Cut(each, "=")
				if env[name] != value {
					t.Errorf("%s is %q, want %q", name, env[name], value)
				}
			}
		})
	}
}

const common = "CLOUD_DEPLOY_DELIVERY_PIPELINE=shop CLOUD_DEPLOY_TARGET=prod CLOUD_DEPLOY_RELEASE=v2 CLOUD_DEPLOY_ROLLOUT=v2-to-prod-0002 " +
	"CLOUD_DEPLOY_PHASE=canary-25 CLOUD_DEPLOY_JOB_RUN=v2-to-prod-0002-canary-25-verify-2"

func TestTheOutcomeStaysSmall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var ids []string
	for n := range 60 {
		id := fmt.Sprintf("task-%d", n)
		ids = append(ids, id)
		s.ends[id] = activities.TaskResult{Verdict: rollout.VerdictInconclusive, Reason: strings.Repeat("långt ", 500)}
	}
	out := s.runs(rollout.JobSpec{Tasks: tasks(ids...), Parallel: true})
	if n := len(fmt.Sprint(out)); n > 8<<10 {
		t.Errorf("%d bytes", n)
	}
}

func TestATaskHasItsOwnTimeOrItsJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := tasks("a", "b")
	list[1].Timeout = time.Minute
	r := s.request(rollout.JobSpec{Tasks: list})
	r.Timeout = 2 * time.Hour
	if _, err := s.do(activities.RunJob, r); err != nil {
		t.Fatal(err)
	}
	if got := []time.Duration{s.timeouts["a"], s.timeouts["b"]}; got[0] != 2*time.Hour || got[1] != time.Minute {
		t.Errorf("got %v", got)
	}
}
