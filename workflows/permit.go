package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// permitTimeout is how long one question about what is configured may take.
	permitTimeout = 10 * time.Second
	// askAgain is how long an automatic step waits after a question that nobody answered. It
	// doubles up to maxAskAgain, so that an outage costs little history.
	askAgain = time.Minute
	// maxAskAgain bounds also the wait for a window: it may be opened earlier than it was to be.
	maxAskAgain = time.Hour
)

// errand is one automatic step: what the plan or an automation does without a person.
type errand struct {
	command    string // that a person would give: "advance"
	automation string // that is asked about: "shop/auto", or activities.PermitPlan
	actor      string // who the events name: "shop/auto/rule"
	what       string // "advance to canary-50"
	commands   []string
	over       func() bool // a person was faster, or holds it up
}

// permit asks whether a person's command is permitted by what is configured now, which may
// have changed since the release.
func (r *run) permit(ctx workflow.Context, name string, p rollout.Command) (activities.PermitResult, error) {
	res, err := r.mayNow(ctx, activities.PermitRequest{Command: name, Actor: p.Actor, Override: p.Override}, "may "+name+" now?")
	if err != nil {
		_, text := activities.Cause(err)
		return res, &rollout.Error{Op: name, On: r.status.Rollout, Kind: rollout.Transient, Err: errors.New(text), Fix: "try again"}
	}
	if res.Refused != "" {
		return res, &rollout.Error{Op: name, On: r.status.Rollout, Kind: rollout.Refused, Err: errors.New(res.Refused)}
	}
	return res, nil
}

func (r *run) mayNow(ctx workflow.Context, req activities.PermitRequest, summary string) (res activities.PermitResult, err error) {
	p := r.in.Plan
	req.Pipeline, req.Target, req.Parent, req.Release = p.Pipeline, p.Target.Name, r.in.Parent, p.Release
	err = question(ctx, activities.Permit, req, summary, &res)
	return res, err
}

// question asks what is configured now.
func question(ctx workflow.Context, name string, request any, summary string, answer any) error {
	lctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: permitTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: permitTimeout / 50, MaximumAttempts: 5},
		Summary:                summary,
	})
	return workflow.ExecuteLocalActivity(lctx, name, request).Get(lctx, answer)
}

// permitted records what the permission went past: policies that were overridden, and
// suspended ones.
func (r *run) permitted(ctx workflow.Context, name string, c rollout.Command, res activities.PermitResult) {
	if len(res.Overridden) > 0 {
		r.record(ctx, rollout.Event{
			Kind: rollout.EventOverridden, Actor: c.Actor, Reason: c.Reason, Note: name + " against " + strings.Join(res.Overridden, ", "),
		})
	}
	if len(res.Logged) > 0 {
		r.record(ctx, rollout.Event{
			Kind: rollout.EventPolicy, Note: strings.Join(res.Logged, ", ") + " would have refused " + name + ", and is suspended",
		})
	}
}

// mayAct reports whether the automatic step may be taken now. Inside a closed window it waits
// until the window opens and asks again. It may not when a person was faster; or, with the
// reason, for good.
func (r *run) mayAct(ctx workflow.Context, e errand) (ok bool, refused string) {
	for {
		var res activities.PermitResult
		answered := r.answered(ctx, e, func() (err error) {
			res, err = r.mayNow(ctx, activities.PermitRequest{Command: e.command, Automation: e.automation}, "may "+e.actor+" "+e.what+" now?")
			return err
		})
		switch {
		case !answered:
			return false, ""
		case res.Refused == "":
			r.permitted(ctx, e.command, rollout.Command{Actor: e.actor}, res)
			return true, ""
		case res.Until.IsZero():
			return false, res.Refused
		}
		now := workflow.Now(ctx)
		if !res.Until.After(now) { // the activity's clock is behind
			res.Until = now.Add(askAgain)
		}
		held := e
		held.commands = overriding(e.commands, r.commandLine(e.command), res.Policies)
		r.hold(ctx, held, rollout.Waiting{For: rollout.WaitWindow, Reason: res.Refused, Until: res.Until}, e.what+" when the window opens")
	}
}

// answered asks until there is an answer, and reports whether there is one: a person may have
// been faster.
func (r *run) answered(ctx workflow.Context, e errand, ask func() error) bool {
	for wait := askAgain; ; wait = min(2*wait, maxAskAgain) {
		if e.over() || r.ending() {
			return false
		}
		err := ask()
		if err == nil {
			return !e.over() && !r.ending()
		}
		_, text := activities.Cause(err)
		r.hold(ctx, e, rollout.Waiting{
			For: rollout.WaitTimer, Reason: fmt.Sprintf("to %s it asks again what is configured: %s", e.what, text),
			Until: workflow.Now(ctx).Add(wait),
		}, "ask again what is configured")
	}
}

// hold waits durably until w ends, or a person is faster. A wait for a window is cut into pieces,
// of which people see one.
func (r *run) hold(ctx workflow.Context, e errand, w rollout.Waiting, summary string) {
	w.Commands = e.commands
	r.watchBack(ctx)
	if !same(r.status.Waiting, w) {
		r.wait(ctx, w)
	}
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(tctx, patience(w, workflow.Now(ctx)), workflow.TimerOptions{Summary: summary})
	r.await(ctx, func() bool { return timer.IsReady() || e.over() })
}

// patience is how long w lasts before it is asked about again.
func patience(w rollout.Waiting, now time.Time) time.Duration {
	rest := w.Until.Sub(now)
	if w.For == rollout.WaitWindow {
		return min(rest, maxAskAgain)
	}
	return rest
}

// same reports whether w goes on as it was.
func same(before *rollout.Waiting, w rollout.Waiting) bool {
	return before != nil && before.For == w.For && before.Reason == w.Reason && before.Until.Equal(w.Until) &&
		slices.Equal(before.Commands, w.Commands)
}

// overriding adds to the one line of all that policies forbid how a person overrides them.
func overriding(all []string, line string, policies []string) []string {
	out := slices.Clone(all)
	for i := range out {
		if out[i] == line && len(policies) > 0 {
			out[i] += " " + activities.Override(policies)
		}
	}
	return out
}
