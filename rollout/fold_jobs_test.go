package rollout_test

import (
	"slices"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func checked() rollout.Plan {
	p := plan()
	for i := range p.Phases {
		p.Phases[i].Jobs = []rollout.Job{
			{ID: rollout.JobPredeploy}, {ID: rollout.JobDeploy}, {ID: rollout.JobVerify}, {ID: rollout.JobAnalysis},
		}
	}
	return p
}

func jobs(s rollout.Status, phase string) string {
	ph, _ := s.Phase(phase)
	out := string(ph.State)
	for _, j := range ph.Jobs {
		out += " " + string(j.ID) + "=" + string(j.State)
	}
	return out
}

// TestFoldOfJobs: what the jobs beside the deploy of a phase change.
func TestFoldOfJobs(t *testing.T) {
	t.Parallel()
	of := func(phase string, kind rollout.EventKind, job rollout.JobKind) rollout.Event {
		return rollout.Event{Kind: kind, Phase: phase, Job: job, Attempt: 1, Outcome: &rollout.Outcome{Verdict: rollout.VerdictFail}}
	}
	through := func(phase string, kinds ...rollout.JobKind) []rollout.Event {
		var out []rollout.Event
		for _, job := range kinds {
			out = append(out, of(phase, rollout.EventJobStarted, job), of(phase, rollout.EventJobSucceeded, job))
		}
		return out
	}
	toVerify := append(through("canary-25", rollout.JobPredeploy, rollout.JobDeploy), of("canary-25", rollout.EventJobStarted, rollout.JobVerify),
		of("canary-25", rollout.EventJobFailed, rollout.JobVerify))
	back := rollout.Event{Kind: rollout.EventRestored}
	ev := func(all ...rollout.Event) []rollout.Event { return all }
	for _, row := range []struct {
		name   string
		events []rollout.Event
		phase  string
		want   string
		begun  bool // its promotion
		left   bool // it is unsettled
	}{
		{
			name: "a failed verify fails its phase", events: toVerify, phase: "canary-25", left: true,
			want: "FAILED predeploy=SUCCEEDED deploy=SUCCEEDED verify=FAILED analysis=ABORTED",
		},
		{
			name: "retried, it runs alone", events: slices.Concat(toVerify, ev(of("canary-25", rollout.EventRetried, rollout.JobVerify))), phase: "canary-25", left: true,
			want: "PENDING predeploy=SUCCEEDED deploy=SUCCEEDED verify=PENDING analysis=PENDING",
		},
		{
			name: "retried after a restore, with its whole phase", phase: "canary-25",
			events: slices.Concat(toVerify, ev(back, of("canary-25", rollout.EventRetried, rollout.JobVerify))),
			want:   "PENDING predeploy=PENDING deploy=PENDING verify=PENDING analysis=PENDING",
		},
		{
			name: "ignored, what follows it runs", phase: "canary-25", left: true,
			events: slices.Concat(toVerify, ev(of("canary-25", rollout.EventIgnored, rollout.JobVerify))),
			want:   "PENDING predeploy=SUCCEEDED deploy=SUCCEEDED verify=IGNORED analysis=PENDING",
		},
		{
			name: "ignored after a restore, nothing looks at traffic that is not there", phase: "canary-25",
			events: slices.Concat(toVerify, ev(back, of("canary-25", rollout.EventIgnored, rollout.JobVerify))),
			want:   "SUCCEEDED predeploy=SUCCEEDED deploy=SUCCEEDED verify=IGNORED analysis=SKIPPED",
		},
		{
			name: "a skipped job may be the last one", phase: "canary-25", left: true,
			events: append(through("canary-25", rollout.JobPredeploy, rollout.JobDeploy, rollout.JobVerify),
				rollout.Event{Kind: rollout.EventSkipped, Phase: "canary-25", Job: rollout.JobAnalysis}),
			want: "SUCCEEDED predeploy=SUCCEEDED deploy=SUCCEEDED verify=SUCCEEDED analysis=SKIPPED",
		},
		{
			name: "a predeploy of stable is no promotion", phase: "stable",
			events: through("stable", rollout.JobPredeploy),
			want:   "IN_PROGRESS predeploy=SUCCEEDED deploy=PENDING verify=PENDING analysis=PENDING",
		},
		{
			name: "its deploy is", phase: "stable", begun: true, left: true,
			events: append(through("stable", rollout.JobPredeploy), of("stable", rollout.EventJobStarted, rollout.JobDeploy)),
			want:   "IN_PROGRESS predeploy=SUCCEEDED deploy=IN_PROGRESS verify=PENDING analysis=PENDING",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := rollout.NewStatus("v2-to-prod-0001", checked())
			for _, e := range append([]rollout.Event{{Kind: rollout.EventCreated}, {Kind: rollout.EventGranted}}, row.events...) {
				s.Apply(e)
			}
			if got := jobs(s, row.phase); got != row.want || s.PromotionBegun != row.begun || s.Unsettled != row.left {
				t.Errorf("promotion begun %v, unsettled %v\ngot  %s\nwant %s", s.PromotionBegun, s.Unsettled, got, row.want)
			}
		})
	}
}

// TestWhatAJobHasFoundIsKept: by its latest run, also while a person is asked.
func TestWhatAJobHasFoundIsKept(t *testing.T) {
	t.Parallel()
	s := rollout.NewStatus("v2-to-prod-0001", checked())
	last := 99.5
	for _, e := range []rollout.Event{
		{Kind: rollout.EventCreated},
		{Kind: rollout.EventGranted},
		{Kind: rollout.EventJobStarted, Phase: "canary-25", Job: rollout.JobVerify, Attempt: 1},
		{Kind: rollout.EventJudged, Phase: "canary-25", Job: rollout.JobVerify, Outcome: &rollout.Outcome{Verdict: rollout.VerdictInconclusive}},
	} {
		s.Apply(e)
	}
	run := s.Job("canary-25", rollout.JobVerify).Run
	if run.State != rollout.RunInProgress || run.Outcome == nil || run.Outcome.Verdict != rollout.VerdictInconclusive {
		t.Errorf("%+v", run)
	}
	s.Apply(rollout.Event{Kind: rollout.EventJobStarted, Phase: "canary-25", Job: rollout.JobVerify, Attempt: 2})
	if run := s.Job("canary-25", rollout.JobVerify).Run; run.Attempt != 2 || run.Outcome != nil {
		t.Errorf("the second run begins with %+v", run)
	}
	c := rollout.CheckStatus{ID: "success-rate", Verdict: rollout.VerdictFail, Samples: 20, Failed: 9, Last: &last, Reason: "9 > 1"}
	if got, want := c.String(), "success-rate fail: 9 of 20 samples outside its limits, last 99.5, 9 > 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOnlyAPersonEndsAPause: metrics that answer again do not.
func TestOnlyAPersonEndsAPause(t *testing.T) {
	t.Parallel()
	s := rollout.NewStatus("v2-to-prod-0001", checked())
	for _, e := range []rollout.Event{
		{Kind: rollout.EventCreated},
		{Kind: rollout.EventGranted},
		{Kind: rollout.EventPaused},
		{Kind: rollout.EventWaiting, Waiting: &rollout.Waiting{For: rollout.WaitMetrics}},
		{Kind: rollout.EventResumed, Phase: "canary-25", Job: rollout.JobAnalysis},
	} {
		s.Apply(e)
	}
	if !s.Paused || s.Waiting != nil {
		t.Errorf("paused %v, waiting %+v", s.Paused, s.Waiting)
	}
	if s.Apply(rollout.Event{Kind: rollout.EventResumed, Actor: "ann"}); s.Paused {
		t.Error("a person does not end it")
	}
}
