package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// prepare records what is live, finds out which revision is stable, and settles:
// nothing but the stable revision receives requests before the first phase.
func (r *run) prepare(ctx workflow.Context) {
	res, err := r.step(ctx, steps.Baseline, stepOptions{work: r.onlyStable(), summary: "baseline"})
	if err != nil {
		r.failEarly(ctx, err)
		return
	}
	r.record(ctx, rollout.Event{
		Kind: rollout.EventBaseline, Split: res.Observed.Split.Serving(), Digest: res.Baseline, URL: res.Observed.URL,
	})
	for {
		stable, doubt := r.judge(res.Observed)
		if doubt == "" {
			err = r.settle(ctx, res.Observed, stable)
			if err == nil {
				r.prepared = true
				return
			}
			kind, text := activities.Cause(err)
			if kind != rollout.Drift {
				r.failEarly(ctx, err)
				return
			}
			doubt = text
		}
		accepted, ok := r.person(ctx, doubt)
		if !ok {
			return
		}
		if res, err = r.step(ctx, steps.Observe, stepOptions{work: r.onlyStable(), summary: "observe again"}); err != nil {
			r.failEarly(ctx, err)
			return
		}
		r.accepted = accepted
	}
}

func (r *run) failEarly(ctx workflow.Context, err error) {
	if ph, _ := r.status.NextPhase(); ph != nil {
		_, text := activities.Cause(err)
		r.fail(ctx, ph.ID, err, text)
	}
}

// judge returns the revision that is stable, "" where nothing serves, or a doubt
// that a person has to settle.
func (r *run) judge(seen rollout.Observed) (stable, doubt string) {
	serving := seen.Split.Serving()
	last := r.grant.Predecessor
	untouched := last == nil || len(last.Mark.Split) == 0
	switch {
	case len(serving) == 0 && (untouched || r.accepted):
		return "", ""
	case untouched || r.accepted:
		if len(serving) > 1 {
			return "", fmt.Sprintf("%s serve and no rollout has recorded which is stable: give one of them all requests", seen.Split)
		}
		return serving[0].Revision, ""
	case last.State == rollout.StateSucceeded:
		stable = last.Revision
	case last.PromotionBegun:
		return "", fmt.Sprintf("%s stopped after its promotion had begun; now %s serves, before it was %s",
			last.Rollout, seen.Split, last.Stable)
	default:
		stable = last.Stable
	}
	next := rollout.Split{{Revision: stable, Percent: 100}}
	if what := rollout.Drifted(seen, rollout.Mark{Split: last.Mark.Split}, next); what != "" {
		return "", what + " when " + last.Rollout + " ended"
	}
	return stable, ""
}

// settle skips the phases that have nothing to compare with, and gives the stable
// revision all requests.
func (r *run) settle(ctx workflow.Context, seen rollout.Observed, stable string) error {
	switch {
	case stable == "":
		r.skip(ctx, "nothing serves on "+r.in.Plan.Target.Name+" yet", r.in.Plan.APIVersion == rollout.APIVersionSerin)
		return nil
	case stable == seen.Revision:
		r.skip(ctx, "the release serves already", true)
	case r.grant.First && r.in.Plan.APIVersion == rollout.APIVersionGoogle:
		r.skip(ctx, "first rollout: no earlier release of this pipeline is on "+r.in.Plan.Target.Name, false)
	}
	work := r.onlyStable()
	work.Stable = stable
	res, err := r.step(ctx, steps.Settle, stepOptions{
		work: work, last: seen.Mark(), summary: "settle: all traffic to " + stable,
	})
	if err != nil {
		return err
	}
	r.last = res.Observed.Mark()
	r.record(ctx, rollout.Event{
		Kind: rollout.EventSettled, Split: res.Observed.Split.Serving(), Revision: stable, URL: res.Observed.URL,
	})
	return nil
}

// skip skips every phase before stable. Google's rule is that stable then waits
// for an advance; byItself departs from it.
func (r *run) skip(ctx workflow.Context, why string, byItself bool) {
	for _, ph := range r.in.Plan.Phases {
		s, _ := r.status.Phase(ph.ID)
		if !ph.Promotion() && s.State == rollout.PhasePending {
			r.record(ctx, rollout.Event{Kind: rollout.EventSkipped, Phase: ph.ID, Note: why})
		}
	}
	r.byItself[rollout.StablePhase] = byItself
}

// onlyStable is the work that leaves the stable revision alone with all requests.
func (r *run) onlyStable() activities.Work {
	w := r.work(r.in.Plan.Phases[0])
	w.Weight, w.Custom, w.Promotion = 0, false, false
	return w
}

// person waits for somebody to look, and reports whether they accept what is
// observed as the new baseline. It is not ok when the rollout was cancelled.
func (r *run) person(ctx workflow.Context, why string) (accepted, ok bool) {
	r.resume = nil
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitPerson, Reason: why, Commands: []string{
			r.commandLine(rollout.CommandResume), r.commandLine(rollout.CommandResume) + " --accept", r.commandLine(rollout.CommandCancel),
		},
	})
	r.await(ctx, func() bool { return r.resume != nil })
	if r.cancel != nil || r.resume == nil {
		return false, false
	}
	return r.resume.Accept, true
}

// reobserve looks again after drift in the middle of a rollout. Accepted, what is
// there now is what our next write is compared with; a single foreign revision that
// serves becomes stable.
func (r *run) reobserve(ctx workflow.Context, ph rollout.Phase, accepted bool) error {
	if !accepted {
		return nil // the step looks again, and compares with our own last write
	}
	res, err := r.step(ctx, steps.Observe, stepOptions{work: r.work(ph), summary: "observe again"})
	if err != nil {
		return err
	}
	stable := r.status.Stable
	for _, s := range res.Observed.Split.Serving() {
		if s.Revision != res.Observed.Revision {
			stable = s.Revision
			break // the greatest share
		}
	}
	r.last = res.Observed.Mark()
	r.record(ctx, rollout.Event{Kind: rollout.EventSettled, Split: res.Observed.Split.Serving(), Revision: stable})
	return nil
}
