package workflows

import (
	"cmp"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// prepare skips what comes before the phase that the rollout starts at, and makes the target ready
// for it.
func (r *run) prepare(ctx workflow.Context, phase string) {
	if err := r.knowsStart(); err != nil {
		r.fail(ctx, failureOf(phase, rollout.JobDeploy, err))
		return
	}
	r.skipToStart(ctx)
	if r.in.Plan.Custom != nil {
		r.prepareCustom(ctx)
		return
	}
	r.prepareTarget(ctx, phase)
}

// prepareTarget records what is live, finds out which revision is stable, and settles:
// nothing but the stable revision receives requests before the first phase.
func (r *run) prepareTarget(ctx workflow.Context, phase string) {
	res, err := r.step(ctx, steps.Baseline, stepOptions{work: r.onlyStable(), summary: "baseline"})
	if err == nil && !r.recorded {
		r.recorded = true
		r.record(ctx, rollout.Event{
			Kind: rollout.EventBaseline, Split: res.Observed.Split.Serving(), Digest: res.Baseline, URL: res.Observed.URL,
		})
	}
	if err == nil && r.takesBack(res.Observed) {
		r.takeBack(ctx, res.Observed)
		return
	}
	for accepted := false; err == nil; {
		stable, doubt := r.judge(res.Observed, accepted)
		if doubt == "" {
			err = r.settle(ctx, res.Observed, stable)
			kind, text := activities.Cause(err)
			if kind != rollout.Drift {
				break
			}
			doubt = text
		}
		var ok bool
		if accepted, ok = r.person(ctx, doubt); !ok {
			return
		}
		if accepted {
			r.stableManifest = ""
		}
		res, err = r.step(ctx, steps.Observe, stepOptions{work: r.onlyStable(), summary: "observe again"})
	}
	if err != nil {
		r.fail(ctx, failureOf(phase, rollout.JobDeploy, err))
		return
	}
	r.prepared = true
}

// judge returns the revision that is stable, "" where nothing serves, or a doubt
// that a person has to settle. Accepted, what serves is what counts.
func (r *run) judge(seen rollout.Observed, accepted bool) (stable, doubt string) {
	last := r.grant.Predecessor
	if accepted || last == nil || !last.Moved() {
		return only(seen.Split)
	}
	if last.Stable == "" && len(last.Mark.Split) == 0 && len(seen.Split.Serving()) == 0 {
		return "", "" // nothing served before it, and nothing does now: there is no traffic to protect
	}
	switch {
	case last.Promoted:
		stable = last.Revision
	case last.PromotionBegun:
		return "", fmt.Sprintf("%s stopped after its promotion had begun; now %s serves, before it was %s",
			last.Rollout, seen.Split, cmp.Or(last.Stable, "nothing"))
	case last.Stable == "":
		return only(seen.Split)
	default:
		stable = last.Stable
	}
	next := rollout.Split{{Revision: stable, Percent: 100}}
	if what := rollout.Drifted(seen, rollout.Mark{Split: last.Mark.Split}, next); what != "" {
		return "", what + " when " + last.Rollout + " ended"
	}
	return stable, ""
}

// takesBack reports whether this is the rollback of a rollout whose promotion had begun. A person
// or a repair has decided that traffic goes back; but nothing is settled first: what was stable
// is half replaced, and the canary may be the only healthy copy. What serves must be what that
// rollout has left.
func (r *run) takesBack(seen rollout.Observed) bool {
	last, serving := r.grant.Predecessor, seen.Split.Serving()
	if !r.rollsBackPromotion() || len(serving) == 0 {
		return false
	}
	left := []string{rollout.WithoutAttempt(last.Stable), rollout.WithoutAttempt(last.Revision)}
	return seen.Split.SameTraffic(last.Mark.Split) || !slices.ContainsFunc(serving, func(s rollout.Share) bool {
		return !slices.Contains(left, rollout.WithoutAttempt(s.Revision))
	})
}

// rollsBackPromotion reports whether what this rolls back had begun its promotion and not ended it.
func (r *run) rollsBackPromotion() bool {
	last, back := r.grant.Predecessor, r.in.RollbackOf
	if back == "" || r.in.StartingPhase != rollout.StablePhase || last == nil || !last.PromotionBegun || last.Promoted {
		return false
	}
	return last.Rollout == back || (r.isChild() && last.Rollout == rollout.ChildName(back, last.Release, r.in.Target))
}

// takeBack leaves the split as it is until the release that is gone back to is ready.
func (r *run) takeBack(ctx workflow.Context, seen rollout.Observed) {
	last := r.grant.Predecessor
	r.last = seen.Mark()
	r.record(ctx, rollout.Event{
		Kind: rollout.EventSettled, Split: seen.Split.Serving(), Revision: cmp.Or(last.Stable, last.Revision), URL: seen.URL,
		Note: "kept until " + r.in.Plan.Release + " is ready: " + last.Rollout + " stopped in its promotion",
	})
	r.prepared = true
}

// only returns the one revision that serves, or "" where none does.
func only(split rollout.Split) (stable, doubt string) {
	switch serving := split.Serving(); len(serving) {
	case 0:
		return "", ""
	case 1:
		return serving[0].Revision, ""
	}
	return "", fmt.Sprintf("%s serve and no rollout has recorded which is stable: give one of them all requests", split)
}

// settle gives the stable revision all requests, and then skips the phases that have
// nothing to compare the release with.
func (r *run) settle(ctx workflow.Context, seen rollout.Observed, stable string) error {
	target, serin := r.in.Plan.Target.Name, r.in.Plan.APIVersion == rollout.APIVersionSerin
	if stable == "" {
		r.skip(ctx, "nothing serves on "+target+" yet", serin)
		return nil
	}
	work, before := r.onlyStable(), r.last
	work.Stable, r.last = stable, seen.Mark()
	res, err := r.step(ctx, steps.Settle, stepOptions{work: work, summary: "settle: all traffic to " + stable})
	if err != nil {
		r.last = before // what was only seen is not ours to leave to the next rollout
		return err
	}
	r.last = res.Observed.Mark()
	r.record(ctx, rollout.Event{
		Kind: rollout.EventSettled, Split: res.Observed.Split.Serving(), Revision: stable, URL: res.Observed.URL,
	})
	if !res.Observed.Split.SameTraffic(seen.Split) {
		if err := r.routeWait(ctx, r.in.Plan.Kubernetes.RouteWait(), "the settled split reaches every proxy"); err != nil {
			return err
		}
	}
	switch {
	case stable == seen.Revision:
		r.skip(ctx, "the release serves already", true)
	case r.grant.First && !serin:
		r.skip(ctx, "first rollout: no earlier release of this pipeline is on "+target, false)
	}
	return nil
}

// knowsStart reports whether the phase that the rollout starts at is one of its plan.
func (r *run) knowsStart() error {
	ph, _ := r.status.Phase(r.in.StartingPhase)
	if r.in.StartingPhase == "" || ph != nil {
		return nil
	}
	return r.unknownPhase(r.in.StartingPhase)
}

// skipToStart skips every phase before the one that the rollout starts at, which then begins
// by itself.
func (r *run) skipToStart(ctx workflow.Context) {
	_, start := r.status.Phase(r.in.StartingPhase)
	for i := range max(start, 0) {
		if ph := r.status.Phases[i]; ph.State == rollout.PhasePending {
			r.record(ctx, rollout.Event{Kind: rollout.EventSkipped, Phase: ph.ID, Note: "starts at " + r.in.StartingPhase})
		}
	}
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
	r.byItself = byItself
}

// onlyStable is the work that leaves the stable revision alone with all requests.
func (r *run) onlyStable() activities.Work {
	w := r.work(r.in.Plan.Phases[0])
	w.Weight, w.Custom, w.Promotion = 0, false, false
	w.Match, w.Size = nil, nil
	return w
}

// person waits for somebody to look, and reports whether they accept what is
// observed as the new baseline. It is not ok when the rollout was cancelled.
func (r *run) person(ctx workflow.Context, why string) (accepted, ok bool) {
	r.resume, r.asking, r.about = nil, true, subject{}
	defer func() { r.asking = false }()
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitPerson, Reason: why, Commands: r.looks(),
	})
	r.await(ctx, func() bool { return r.resume != nil })
	if r.isChild() && !r.ending() {
		r.report(ctx) // it waits no more
	}
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
		own := s.Revision == res.Observed.Revision
		if r.in.Plan.Kubernetes != nil { // there an attempt has the place of the one before
			own = rollout.WithoutAttempt(s.Revision) == rollout.WithoutAttempt(res.Observed.Revision)
		}
		if !own {
			stable = s.Revision
			break // the greatest share
		}
	}
	r.last = res.Observed.Mark()
	r.record(ctx, rollout.Event{Kind: rollout.EventSettled, Split: res.Observed.Split.Serving(), Revision: stable})
	return nil
}
