package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// ask is a request that somebody waits for.
type ask struct {
	name   string
	create rollout.Create
	answer workflow.Settable
}

// laneRequest is one thing that may be asked of a lane.
type laneRequest struct{ name, help string }

func laneRequests() []laneRequest {
	return []laneRequest{
		{rollout.UpdatePromote, `Roll a release out here: {"request":"any new id","release":"v2","actor":"you"}`},
		{rollout.UpdateRollback, `Go back to the release before: {"request":"any new id","actor":"you","reason":"..."}; with "dryRun" only say to which`},
		{rollout.UpdateRedeploy, `Roll the newest release out again: {"request":"any new id","actor":"you"}`},
	}
}

// listen registers the requests as Updates. Their work is the loop's.
func (l *lane) listen(ctx workflow.Context) error {
	for _, r := range laneRequests() {
		if err := workflow.SetUpdateHandlerWithOptions(ctx, r.name, func(ctx workflow.Context, c rollout.Create) (rollout.Created, error) {
			done, answer := workflow.NewFuture(ctx)
			l.asks.Send(ctx, ask{name: r.name, create: c, answer: answer})
			var out rollout.Created
			err := done.Get(ctx, &out)
			return out, err
		}, workflow.UpdateHandlerOptions{
			Description: r.help,
			Validator: func(c rollout.Create) error {
				if l.answered(c) != nil {
					return nil
				}
				_, err := l.status.Goals(r.name, c)
				if waits := new(rollout.Waits); errors.As(err, &waits) {
					return nil // the handler looks whether it still does
				}
				return activities.Application(err)
			},
		}); err != nil {
			return err
		}
	}
	return nil
}

// rollBackFirst hears rollbacks before the lane is granted: one that came with the report of
// a failure goes before what queues.
func (l *lane) rollBackFirst(ctx workflow.Context) {
	ch := workflow.GetSignalChannel(ctx, rollout.UpdateRollback)
	for {
		var c rollout.Create
		if !ch.ReceiveAsync(&c) {
			return
		}
		l.heardRequest(ctx, rollout.UpdateRollback, c)
	}
}

// answered returns the answer to a request that was carried out before, or nil.
func (l *lane) answered(c rollout.Create) *rollout.Created {
	i := slices.IndexFunc(l.status.Records, func(r rollout.Record) bool { return c.Request != "" && r.Request == c.Request })
	if i < 0 {
		return nil
	}
	return l.status.Records[i].Answer
}

// create carries out a request: what the record allows, the release's document still offers,
// and what is configured permits becomes a new rollout.
func (l *lane) create(ctx workflow.Context, name string, c rollout.Create) (rollout.Created, error) {
	if known := l.answered(c); known != nil {
		return *known, nil
	}
	goals, err := l.goals(ctx, name, c)
	if err != nil {
		return rollout.Created{}, activities.Application(err)
	}
	answer, plan, err := l.choose(ctx, name, goals)
	if err == nil {
		err = knowsPhase(plan, answer.StartingPhase)
	}
	if err == nil && c.StopRunning {
		err = l.status.MayStop(plan)
	}
	in := rollout.Start{Plan: plan}
	if err == nil {
		var res activities.PermitResult
		res, answer.Notes, err = l.permit(ctx, name, c, answer.Release)
		in.Overridden, in.Logged = res.Overridden, res.Logged
	}
	if err == nil && answer.RollbackOf != "" {
		l.foresee(c, plan, &answer)
	}
	if err == nil && !c.DryRun {
		err = l.carryOut(ctx, c, in, &answer)
	}
	if err != nil {
		return rollout.Created{}, activities.Application(err)
	}
	return answer, nil
}

// goals asks the record. A rollout is only in the way while its workflow runs.
func (l *lane) goals(ctx workflow.Context, name string, c rollout.Create) ([]rollout.Created, error) {
	for {
		goals, err := l.status.Goals(name, c)
		waits := new(rollout.Waits)
		if !errors.As(err, &waits) || !l.lookAfter(ctx, l.status.Record(waits.Rollout)) {
			return goals, err
		}
	}
}

// foresee says what a rollback will do to others.
func (l *lane) foresee(c rollout.Create, p rollout.Plan, answer *rollout.Created) {
	if c.StopRunning {
		answer.Stopped = l.status.Holder
	}
	older := l.status.Older("")
	if p.Approval == nil {
		answer.Cancelled = older
	} else if len(older) > 0 {
		answer.Notes = append(answer.Notes, "once it is approved it cancels those of "+strings.Join(older, ", ")+" that still queue")
	}
}

// carryOut starts the rollout, and then does what a rollback does to others.
func (l *lane) carryOut(ctx workflow.Context, c rollout.Create, in rollout.Start, answer *rollout.Created) error {
	l.status.Arrive(answer.Release)
	p := in.Plan
	bad := l.status.Record(answer.RollbackOf)
	record := rollout.Record{
		Release: p.Release, Digest: p.Digest, Document: answer.Document, Actor: c.Actor, Behavior: rollout.BehaviorNow,
		Request: c.Request, Automation: c.Automation, Reason: c.Reason,
		StartingPhase: answer.StartingPhase, RollbackOf: answer.RollbackOf, Head: bad != nil,
	}
	if answer.Stopped != "" {
		if err := l.stop(ctx, c); err != nil {
			return err
		}
	}
	r, err := l.open(ctx, in, record)
	if err != nil {
		return err
	}
	name := r.Rollout
	if bad != nil {
		l.rollBack(ctx, l.status.Record(answer.RollbackOf), name, c)
	}
	if bad != nil && p.Approval == nil {
		answer.Cancelled = l.clear(ctx, *l.status.Record(name))
	}
	r = l.status.Record(name)
	answer.Rollout, answer.State = r.Rollout, r.State
	known := *answer
	r.Answer = &known
	return nil
}

// choose reads the plan of the best goal whose release is not abandoned.
func (l *lane) choose(ctx workflow.Context, name string, goals []rollout.Created) (rollout.Created, rollout.Plan, error) {
	var abandoned []string
	for _, goal := range goals {
		var res activities.LoadPlanResult
		if err := question(ctx, activities.LoadPlan, activities.LoadPlanRequest{
			Document: goal.Document, Target: l.status.Target,
		}, "the plan of "+goal.Release, &res); err != nil {
			return goal, res.Plan, l.unanswered(name, err)
		}
		if !res.Abandoned {
			return goal, res.Plan, nil
		}
		abandoned = append(abandoned, goal.Release)
	}
	refused := &rollout.Error{
		Op: name, On: l.status.Pipeline + "/" + l.status.Target, Kind: rollout.Refused,
		Err: fmt.Errorf("%s is abandoned", strings.Join(abandoned, ", ")),
	}
	if name == rollout.UpdateRollback {
		refused.Fix = "name another release"
	}
	return rollout.Created{}, rollout.Plan{}, refused
}

// permit asks whether the request is permitted now, and returns what a person should know of
// the deploy policies.
func (l *lane) permit(ctx workflow.Context, name string, c rollout.Create, release string) (res activities.PermitResult, notes []string, err error) {
	if err := question(ctx, activities.Permit, activities.PermitRequest{
		Pipeline: l.status.Pipeline, Target: l.status.Target, Release: release, Command: name, Actor: c.Actor,
		Automation: automationOf(c.Automation), Override: c.Override,
	}, "may "+name+" now?", &res); err != nil {
		return res, nil, l.unanswered(name, err)
	}
	for _, policy := range res.Overridden {
		notes = append(notes, "deploy policy "+policy+" is overridden")
	}
	for _, policy := range res.Logged {
		notes = append(notes, "suspended deploy policy "+policy+" would have refused it")
	}
	switch {
	case res.Refused == "":
		return res, notes, nil
	case c.DryRun:
		return res, append(notes, "refused now: "+res.Refused), nil
	}
	kind := rollout.Refused
	if c.Automation != "" && !res.Until.IsZero() { // a closed window: nobody has to ask again
		kind = rollout.Transient
	}
	return res, nil, &rollout.Error{Op: name, On: l.status.Pipeline + "/" + l.status.Target, Kind: kind, Err: errors.New(res.Refused)}
}

// unanswered explains why a question about what is configured or stored has no answer. Its kind
// stays.
func (l *lane) unanswered(name string, err error) error {
	kind, text := activities.Cause(err)
	if kind == rollout.Expired || kind == "" {
		kind = rollout.Transient
	}
	return &rollout.Error{Op: name, On: l.status.Pipeline + "/" + l.status.Target, Kind: kind, Err: errors.New(text)}
}

// automationOf returns the automation of a rule: "shop/promote" of "shop/promote/rule".
func automationOf(rule string) string {
	if parts := strings.SplitN(rule, "/", 3); len(parts) == 3 {
		return parts[0] + "/" + parts[1]
	}
	return rule
}
