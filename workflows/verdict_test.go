package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	unpulled = "image img/smoke cannot be pulled"
	judged   = "canary-25 verify judged inconclusive: " + unpulled
	asksUs   = "waits for person: verify of canary-25 is inconclusive: " + unpulled
)

// verdicts: what becomes of a verdict that is not pass.
func verdicts() []pathRow {
	held := func(s *stage, expire time.Duration) {
		s.after()
		s.with("canary-25", rollout.Job{ID: rollout.JobVerify, ExpireAfter: expire})
		s.says(rollout.JobVerify, unsure(time.Minute, unpulled))
	}
	verify25 := "canary-25 verify started"
	return []pathRow{
		{
			name: "an image that cannot be pulled is held, and resume runs the job again",
			setup: func(s *stage) {
				held(s, 24*time.Hour)
				s.at(30*time.Minute, func() { s.shows(rollout.WaitPerson, 24*time.Hour+time.Minute) })
				s.resumes(time.Hour)
				s.cancels(2 * time.Hour)
				s.hears("RunJob verify of canary-25 1", "RunJob verify of canary-25 2")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(verify25, judged, asksUs, "resumed by bob", "canary-25 verify started (attempt 2)", "canary-25 verify succeeded", toCanary50, cancelled, ended),
		},
		{
			name: "resume with accept takes it as passed",
			setup: func(s *stage) {
				held(s, 0)
				s.accepts(time.Hour, rollout.JobVerify)
				s.cancels(2 * time.Hour)
				s.hears("RunJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(verify25, judged, asksUs, "resumed: accepted what is observed by bob", "canary-25 verify succeeded: accepted: "+unpulled, toCanary50, cancelled, ended),
		},
		{
			name: "an accept names its verdict: another one may be held by now",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobAnalysis, OnFail: rollout.ActionHold})
				s.says(rollout.JobVerify, unsure(0, unpulled))
				s.says(rollout.JobAnalysis, fails(0, "errors 9 > 1"))
				s.command(time.Minute, rollout.CommandResume, rollout.Command{Actor: "bob", Accept: true})
				s.accepts(time.Hour, rollout.JobVerify)
				s.accepts(time.Hour+time.Second, rollout.JobVerify)
				s.pause(2 * time.Hour)
				s.resumes(3 * time.Hour) // of the pause, and of the analysis
				s.pause(4 * time.Hour)
				s.command(5*time.Hour, rollout.CommandResume, rollout.Command{Actor: "bob", Phase: "canary-25", Job: rollout.JobAnalysis})
				s.cancels(6 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(verify25, judged, asksUs, "resumed: accepted what is observed by bob", "canary-25 verify succeeded: accepted: "+unpulled,
				"canary-25 analysis started", "canary-25 analysis judged fail: errors 9 > 1", "waits for person: analysis of canary-25 is fail: errors 9 > 1",
				"paused by ann (lunch)", "resumed by bob", "canary-25 analysis started (attempt 2)", "canary-25 analysis succeeded", toCanary50,
				"paused by ann (lunch)", "waits for person: paused by ann (lunch)", cancelled, ended),
			refused: []string{
				"resume v2-to-prod-0001: phase and job are missing: name the verdict that is accepted, here --phase canary-25 --job verify",
				"resume v2-to-prod-0001: it is about verify of canary-25, and a person is asked about analysis of canary-25",
				"resume v2-to-prod-0001: the rollout is paused, and nobody is asked about analysis of canary-25: resume it without phase and job",
			},
		},
		{
			name: "nobody decides in time",
			setup: func(s *stage) {
				held(s, 24*time.Hour)
				s.cancels(48 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed(verify25, judged, asksUs, "canary-25 verify failed: "+unpulled+"; nobody has decided within 24h", restored, "failed", cancelled, ended),
		},
		{
			name: "a person terminates what is held",
			setup: func(s *stage) {
				held(s, 24*time.Hour)
				s.command25(time.Hour, rollout.CommandTerminate, rollout.JobVerify)
				s.cancels(2 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed(verify25, judged, asksUs, "canary-25 verify terminating by ann", "canary-25 verify terminated: terminated", restored, "failed", cancelled, ended),
		},
		{
			name: "a cancel of what is held moves no traffic",
			setup: func(s *stage) {
				held(s, 24*time.Hour)
				s.cancels(time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(verify25, judged, asksUs, cancelled, ended),
		},
		{
			name: "inconclusive may fail, or pass, by the plan",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify, OnInconclusive: rollout.ActionPass},
					rollout.Job{ID: rollout.JobPostdeploy, OnInconclusive: rollout.ActionFail})
				s.says(rollout.JobVerify, unsure(0, unpulled))
				s.says(rollout.JobPostdeploy, unsure(0, unpulled))
				s.cancels(time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed(verify25, "canary-25 verify succeeded: "+unpulled, "canary-25 postdeploy started",
				"canary-25 postdeploy failed: "+unpulled, restored, "failed", cancelled, ended),
		},
		{
			name: "a verdict that is missing is not health",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
				s.says(rollout.JobVerify, answer{})
				s.cancels(time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(verify25, "canary-25 verify judged inconclusive: its worker has given no verdict but \"\"",
				"waits for person: verify of canary-25 is inconclusive: its worker has given no verdict but \"\"", cancelled, ended),
		},
	}
}

// analyses: what an analysis finds, and what it does while no server answers.
func analyses() []pathRow {
	const (
		begins = "canary-25 analysis started"
		outage = "waits for metrics: prometheus:9090 does not answer"
		again  = "canary-25 analysis resumed: metrics answer again"
	)
	analyzed := func(s *stage, job rollout.Job, answers ...answer) {
		s.after()
		job.ID = rollout.JobAnalysis
		s.with("canary-25", job)
		s.says(rollout.JobAnalysis, answers...)
	}
	return []pathRow{
		{
			name: "good",
			setup: func(s *stage) {
				analyzed(s, rollout.Job{Timeout: 6 * time.Hour}, passes(4*time.Hour))
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(begins, "canary-25 analysis succeeded", toCanary50, cancelled, ended),
		},
		{
			name: "bad, and held by the plan",
			setup: func(s *stage) {
				analyzed(s, rollout.Job{OnFail: rollout.ActionHold}, fails(time.Minute, "errors 9 > 1"))
				s.accepts(time.Hour, rollout.JobAnalysis)
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(begins, "canary-25 analysis judged fail: errors 9 > 1", "waits for person: analysis of canary-25 is fail: errors 9 > 1",
				"resumed: accepted what is observed by bob", "canary-25 analysis succeeded: accepted: errors 9 > 1", toCanary50, cancelled, ended),
		},
		{
			name: "three outages are told, the fourth is borne in silence",
			setup: func(s *stage) {
				analyzed(s, rollout.Job{}, lost(time.Minute), back(20*time.Second), lost(time.Minute), back(2*time.Minute), lost(time.Minute), back(time.Minute), passes(time.Hour))
				s.at(70*time.Second, func() {
					if w := s.state(s.t).Waiting; w == nil || w.For != rollout.WaitMetrics || len(w.Commands) != 2 {
						s.t.Errorf("it waits for %+v", w)
					}
				})
				s.cancels(5 * time.Hour)
				s.hears("Analyze analysis of canary-25 1", "Analyze analysis of canary-25 1 in an outage",
					"Analyze analysis of canary-25 1", "Analyze analysis of canary-25 1 in an outage",
					"Analyze analysis of canary-25 1", "Analyze analysis of canary-25 1 in an outage", "Analyze analysis of canary-25 1 patient")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(begins, outage, again, outage, again, outage, again, "canary-25 analysis succeeded", toCanary50, cancelled, ended),
		},
		{
			name: "a server that is away for too long",
			setup: func(s *stage) {
				analyzed(s, rollout.Job{}, lost(time.Minute), fails(20*time.Minute, "no server has answered for 20m"))
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed(begins, outage, "canary-25 analysis failed: no server has answered for 20m", restored, "failed", cancelled, ended),
		},
		{
			name: "a pause during an outage is not ended by its end",
			setup: func(s *stage) {
				analyzed(s, rollout.Job{}, lost(time.Minute), back(time.Hour), passes(time.Hour))
				s.pause(30 * time.Minute)
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(begins, outage, "paused by ann (lunch)", again, "canary-25 analysis succeeded", "waits for person: paused by ann (lunch)", cancelled, ended),
		},
		{
			name: "an outage is terminated, or an analysis that does not end",
			setup: func(s *stage) {
				var endless []answer
				for range 10 {
					endless = append(endless, lost(0))
				}
				analyzed(s, rollout.Job{}, endless...)
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed(begins, outage, "canary-25 analysis failed: run job analysis of canary-25: it never ends (run workers of one version)", restored, "failed", cancelled, ended),
		},
	}
}

// baked is a release to stable at once, whose analysis there is answered by a.
func (s *stage) baked(a answer) {
	s.after()
	s.plan.Phases = s.plan.Phases[2:]
	s.plan.CloudRun.Previous = "previous"
	s.with("stable", rollout.Job{ID: rollout.JobAnalysis})
	s.says(rollout.JobAnalysis, a)
}

// baking is the path to the begin of its analysis, without that.
func baking(more ...string) []string {
	return append([]string{
		"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded",
	}, more...)
}

// closed lets another rollout start at the end.
func (s *stage) closed(by string) {
	s.at(9*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: by}) })
}

// unfounded: bakes that have found nothing out roll nothing back.
func unfounded() []pathRow {
	const unknown = "bake does not roll prod back: nothing was found out"
	return []pathRow{
		{
			name: "an error says nothing about the release",
			setup: func(s *stage) {
				s.baked(answer{err: denied()})
				s.t.Cleanup(func() { equal(s.t, "sent", s.sent, []string{"report -> prod IN_PROGRESS", "report -> prod FAILED"}) })
				s.closed("v3-to-prod-0001")
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking("stable analysis started", "stable analysis failed: fake: set weight prod/shop: no permission", "failed", unknown, "ended FAILED: v3-to-prod-0001 has started"),
		},
		{
			name: "nor does a lack of data that nobody decides about",
			setup: func(s *stage) {
				s.baked(unsure(time.Minute, "0 of 20 answers had a value"))
				s.plan.Phases[0].Jobs[len(s.plan.Phases[0].Jobs)-1].ExpireAfter = time.Hour
				s.closed("v3-to-prod-0001")
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking("stable analysis started", "stable analysis judged inconclusive: 0 of 20 answers had a value",
				"waits for person: analysis of stable is inconclusive: 0 of 20 answers had a value",
				"stable analysis failed: 0 of 20 answers had a value; nobody has decided within 1h", "failed", unknown, "ended FAILED: v3-to-prod-0001 has started"),
		},
		{
			name: "nor does a server that is away for too long",
			setup: func(s *stage) {
				away := fails(time.Hour, "no server has answered for 20m")
				away.result.Outcome.Unreachable = true
				s.baked(away)
				s.closed("v3-to-prod-0001")
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking("stable analysis started", "stable analysis failed: no server has answered for 20m", "failed", unknown, "ended FAILED: v3-to-prod-0001 has started"),
		},
	}
}

// bakes: a release that is stable is watched on.
func bakes() []pathRow {
	bad := []string{"stable analysis started", "stable analysis failed: errors 9 > 1"}
	return []pathRow{
		{
			name: "a bake that fails asks for a rollback, once",
			setup: func(s *stage) {
				s.baked(fails(time.Hour, "errors 9 > 1"))
				s.says(rollout.JobAnalysis, fails(time.Hour, "errors 9 > 1"))
				s.at(2*time.Hour, func() { s.SignalWorkflow(rollout.SignalRolledBack, rollout.RolledBack{Seq: 3, By: "v1-to-prod-0002"}) })
				s.command(3*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "stable", Job: rollout.JobAnalysis, Actor: "ann"})
				s.closed("v1-to-prod-0002")
				s.t.Cleanup(func() {
					equal(s.t, "sent", s.sent, []string{
						"report -> prod IN_PROGRESS", "rollback -> prod", "report -> prod FAILED", "acquire -> prod", "report -> prod FAILED",
					})
				})
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking(append(bad, "failed", "bake asks to roll prod back", "rolled back by v1-to-prod-0002", "stable analysis retried by ann", asksAgain, "granted",
				"stable analysis started (attempt 2)", "stable analysis failed: errors 9 > 1", "failed", "ended FAILED: v1-to-prod-0002 has started")...),
		},
		{
			name: "what is refused is said",
			setup: func(s *stage) {
				s.baked(fails(time.Hour, "errors 9 > 1"))
				s.at(2*time.Hour, func() {
					s.SignalWorkflow(rollout.SignalRolledBack, rollout.RolledBack{Seq: 3, Refused: "no release has SUCCEEDED here"})
				})
				s.closed("v3-to-prod-0001")
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking(append(bad, "failed", "bake asks to roll prod back", "bake does not roll prod back: no release has SUCCEEDED here", "ended FAILED: v3-to-prod-0001 has started")...),
		},
		{
			name: "a bake that is held asks a person, whose termination is no failure of it",
			setup: func(s *stage) {
				s.baked(unsure(time.Hour, "no samples"))
				s.command(2*time.Hour, rollout.CommandTerminate, rollout.Command{Phase: "stable", Job: rollout.JobAnalysis, Actor: "ann"})
				s.closed("v3-to-prod-0001")
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking("stable analysis started", "stable analysis judged inconclusive: no samples", "waits for person: analysis of stable is inconclusive: no samples",
				"stable analysis terminating by ann", "stable analysis terminated: terminated", "failed", "ended FAILED: v3-to-prod-0001 has started"),
		},
		{
			name: "paused, it waits, and a cancel is faster",
			setup: func(s *stage) {
				s.baked(fails(time.Hour, "errors 9 > 1"))
				s.pause(30 * time.Minute)
				s.cancels(2 * time.Hour)
				s.t.Cleanup(func() {
					equal(s.t, "sent", s.sent, []string{"report -> prod IN_PROGRESS", "report -> prod FAILED", "report -> prod CANCELLED"})
				})
			},
			want: rollout.StateCancelled, splits: "shop-v2 100%",
			path: baking("stable analysis started", "paused by ann (lunch)", "stable analysis failed: errors 9 > 1", "failed", cancelled, ended),
		},
		{
			name: "paused, it waits, and asks once it is resumed",
			setup: func(s *stage) {
				s.baked(fails(time.Hour, "errors 9 > 1"))
				s.pause(30 * time.Minute)
				s.resumes(2 * time.Hour)
				s.closed("v1-to-prod-0002")
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: baking("stable analysis started", "paused by ann (lunch)", "stable analysis failed: errors 9 > 1", "failed", "resumed by bob",
				"bake asks to roll prod back", "ended FAILED: v1-to-prod-0002 has started"),
		},
		{
			name: "a rollback is not baked",
			setup: func(s *stage) {
				s.baked(fails(time.Hour, "errors 9 > 1"))
				s.start.RollbackOf = "v1-to-prod-0001"
				s.hears()
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: append([]string{"created: rolls back v1-to-prod-0001"}, baking("stable analysis skipped: what is rolled back to has proved itself before", "ended SUCCEEDED")[1:]...),
		},
	}
}

// TestABakeAsksAsThePlan: the lane asks the policies, and knows which rollout is meant.
func TestABakeAsksAsThePlan(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.plan.Phases = s.plan.Phases[2:]
	s.plan.CloudRun.Previous = "previous"
	s.with("stable", rollout.Job{ID: rollout.JobAnalysis})
	s.says(rollout.JobAnalysis, fails(time.Hour, "errors 9 > 1"))
	var asked []rollout.Create
	s.onSignal = func(_, _ string, arg any) error {
		if c, ok := arg.(rollout.Create); ok {
			asked = append(asked, c)
		}
		return nil
	}
	s.cancels(3 * time.Hour)
	s.run(t)
	if len(asked) != 1 {
		t.Fatalf("asked %d times", len(asked))
	}
	if c := asked[0]; c.Request != "v2-to-prod-0001/bake" || c.Rollout != "v2-to-prod-0001" || c.StartingPhase != rollout.StablePhase ||
		c.Automation != activities.PermitPlan || c.Actor != "bake" || c.Reason != "errors 9 > 1" {
		t.Errorf("asked for %+v", c)
	}
}

// TestCurrentDetailsOfJobs: what they have found, for the Web UI.
func TestCurrentDetailsOfJobs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	last := 412.5
	out := rollout.Outcome{Verdict: rollout.VerdictInconclusive, Reason: "latency has 2 samples, and needs 10", Checks: []rollout.CheckStatus{
		{ID: "latency", Verdict: rollout.VerdictInconclusive, Samples: 2, Last: &last},
	}}
	s.with("canary-25", rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobAnalysis})
	s.says(rollout.JobAnalysis, answer{result: activities.JobResult{Outcome: out}})
	s.at(30*time.Minute, func() {
		const want = `
- canary-25 verify **SUCCEEDED**: pass
- canary-25 analysis **IN_PROGRESS**: inconclusive, latency has 2 samples, and needs 10
  - latency inconclusive: 2 samples, last 412.5

Waits for **person** since `
		const how = "\n`serin rollout resume --pipeline shop --rollout v2-to-prod-0001 --accept --phase canary-25 --job analysis`\n"
		if got := s.details(t); !strings.Contains(got, want) || !strings.Contains(got, how) {
			t.Errorf("got\n%s\nwant\n%s...%s", got, want, how)
		}
	})
	s.cancels(time.Hour)
	s.run(t)
}
