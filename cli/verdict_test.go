package cli

import (
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// checked is a rollout whose verify has passed and whose analysis is held: nothing was found out.
func checked() client.Rollout {
	p := plan()
	for i := range p.Phases {
		p.Phases[i].Jobs = []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify}, {ID: rollout.JobAnalysis}}
	}
	weight, last, slow := rollout.Weight(25), 99.2, 412.5
	split := rollout.Split{{Revision: "shop-2", Percent: 25}, {Revision: "shop-1", Percent: 75}}
	job := func(kind rollout.EventKind, id rollout.JobKind, o *rollout.Outcome) rollout.Event {
		return rollout.Event{Kind: kind, Phase: "canary-25", Job: id, Attempt: 1, Outcome: o}
	}
	found := &rollout.Outcome{
		Verdict: rollout.VerdictInconclusive, Reason: "latency has 2 samples, and needs 10", Samples: "sha256:samples",
		Checks: []rollout.CheckStatus{
			{ID: "success-rate", Verdict: rollout.VerdictPass, Samples: 20, Failed: 1, Last: &last},
			{ID: "latency", Verdict: rollout.VerdictInconclusive, Samples: 2, Last: &slow, Reason: "2 samples, and needs 10"},
		},
	}
	judged := job(rollout.EventJudged, rollout.JobAnalysis, found)
	judged.Note = found.Reason
	this := " --pipeline shop --rollout v2-to-prod-0001"
	return client.Rollout{Open: true, Status: folded("v2-to-prod-0001", p, []rollout.Event{
		{Kind: rollout.EventCreated, Actor: "ada"},
		{Kind: rollout.EventGranted},
		{Kind: rollout.EventBaseline, Split: rollout.Split{{Revision: "shop-1", Percent: 100}}, Digest: "sha256:baseline"},
		{Kind: rollout.EventSettled, Split: rollout.Split{{Revision: "shop-1", Percent: 100}}, Revision: "shop-1"},
		job(rollout.EventJobStarted, rollout.JobDeploy, nil),
		{Kind: rollout.EventShifted, Phase: "canary-25", Weight: &weight, Split: split, Revision: "shop-2"},
		job(rollout.EventJobSucceeded, rollout.JobDeploy, nil),
		job(rollout.EventJobStarted, rollout.JobVerify, nil),
		job(rollout.EventJobSucceeded, rollout.JobVerify, &rollout.Outcome{
			Verdict: rollout.VerdictPass, Logs: "sha256:logs", Checks: []rollout.CheckStatus{{ID: "task-1", Verdict: rollout.VerdictPass}},
		}),
		job(rollout.EventJobStarted, rollout.JobAnalysis, nil),
		judged,
		waits(rollout.Waiting{
			For: rollout.WaitPerson, Reason: "analysis of canary-25 is inconclusive: " + found.Reason, Until: start().Add(24 * time.Hour),
			Commands: []string{"serin rollout resume" + this, "serin rollout resume" + this + " --accept --phase canary-25 --job analysis"},
		}),
	})}
}

func TestWhatJobsHaveFound(t *testing.T) {
	t.Parallel()
	now := start().Add(time.Hour)
	serin := func() *fake {
		return &fake{states: []client.Rollout{checked()}, store: &memory{has: map[string]string{
			"sha256:logs": "== task-1 ==\n\tGET /health 200\n\x1b[31mred\x1b[0m and done\n",
		}}}
	}
	lost := serin()
	lost.store = &memory{}
	check(t, []command{
		{name: "describe-checks", args: "rollout describe --events 3 " + one, serin: serin(), now: now},
		{name: "describe-logs", args: "rollout describe --events 0 --logs " + one, serin: serin(), now: now},
		{name: "describe-logs-json", args: "rollout describe --logs --output json " + one, serin: serin(), now: now},
		{name: "describe-logs-lost", args: "rollout describe --logs " + one, serin: lost, now: now},
		{name: "wait-judged", args: "rollout wait " + one, serin: serin(), now: now},
	})
}

func TestViewOfWhatJobsHaveFound(t *testing.T) {
	t.Parallel()
	golden(t, "screen/checks-80.txt", view(frame{Status: checked().Status, Now: start().Add(time.Hour), Width: 80}))
}
