package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// maxAttempts bounds the job runs of one job, and with them the history.
const maxAttempts = 100

// command is one thing that people and services may ask of a rollout.
type command struct {
	name  string
	help  string
	check func(r *run, c rollout.Command) error
	do    func(r *run, ctx workflow.Context, c rollout.Command)
}

func commandTable() []command {
	return []command{
		{rollout.CommandAdvance, `Begin the waiting phase: {"phase":"canary-50","actor":"you"}`, checkAdvance, doAdvance},
		{rollout.CommandCancel, `Stop; traffic stays, or goes back to stable with {"restore":true}`, checkCancel, doCancel},
		{rollout.CommandResume, `Look again and go on; {"accept":true} takes what is observed as the baseline`, checkResume, doResume},
		{rollout.CommandRetryJob, `Run a failed job again: {"phase":"canary-50","job":"deploy"}`, checkRevive, doRetry},
		{rollout.CommandIgnoreJob, `Go on without a failed job: {"phase":"canary-50","job":"deploy"}`, checkRevive, doIgnore},
		{rollout.CommandTerminate, `End the running job run, which fails its job: {"phase":"canary-50","job":"deploy"}`, checkTerminate, doTerminate},
	}
}

// listen registers the commands, each as an Update and as a Signal, the queries and
// the lane's messages. ctx is the workflow's own: only it sees a cancellation.
func (r *run) listen(ctx, life workflow.Context) error {
	for _, c := range commandTable() {
		if err := workflow.SetUpdateHandlerWithOptions(life, c.name, func(ctx workflow.Context, p rollout.Command) (rollout.Ack, error) {
			return r.execute(ctx, c, p)
		}, workflow.UpdateHandlerOptions{
			Description: c.help,
			Validator:   func(p rollout.Command) error { return activities.Application(r.allowed(c, p)) },
		}); err != nil {
			return err
		}
		alias := workflow.GetSignalChannelWithOptions(life, c.name, workflow.SignalChannelOptions{Description: c.help})
		workflow.GoNamed(life, "signal "+c.name, func(ctx workflow.Context) {
			for {
				var p rollout.Command
				alias.Receive(ctx, &p)
				if _, err := r.execute(ctx, c, p); err != nil {
					_, text := activities.Cause(err)
					r.record(ctx, rollout.Event{Kind: rollout.EventRefused, Actor: p.Actor, Note: text})
				}
			}
		})
	}
	workflow.GoNamed(life, "temporal cancel", func(life workflow.Context) {
		ctx.Done().Receive(life, nil)
		p := rollout.Command{Actor: "temporal"}
		if checkCancel(r, p) == nil {
			doCancel(r, life, p)
		}
	})
	r.hearLane(life)
	if err := workflow.SetQueryHandler(life, rollout.QueryPlan, func() (rollout.Plan, error) { return r.in.Plan, nil }); err != nil {
		return err
	}
	return workflow.SetQueryHandler(life, rollout.QueryState, func() (rollout.Status, error) { return r.status, nil })
}

func (r *run) hearLane(ctx workflow.Context) {
	workflow.GoNamed(ctx, "lane", func(ctx workflow.Context) {
		grants := workflow.GetSignalChannel(ctx, rollout.SignalGrant)
		closes := workflow.GetSignalChannel(ctx, rollout.SignalClose)
		s := workflow.NewNamedSelector(ctx, "lane")
		s.AddReceive(grants, func(ch workflow.ReceiveChannel, _ bool) {
			var g rollout.Grant
			ch.Receive(ctx, &g)
			if g.Seq <= r.granted || r.closed != nil {
				return
			}
			r.granted, r.grant = g.Seq, &g
			if g.Predecessor != nil {
				r.stableManifest = g.Predecessor.StableManifest
			}
			r.record(ctx, rollout.Event{Kind: rollout.EventGranted})
		})
		s.AddReceive(closes, func(ch workflow.ReceiveChannel, _ bool) {
			var c rollout.Close
			ch.Receive(ctx, &c)
			r.closed = &c
		})
		for {
			s.Select(ctx)
		}
	})
}

// execute carries out one command at a time: permitted by policy, still allowed by
// the state after that took its time, then done.
func (r *run) execute(ctx workflow.Context, c command, p rollout.Command) (rollout.Ack, error) {
	if err := r.mutex.Lock(ctx); err != nil {
		return rollout.Ack{}, err
	}
	defer r.mutex.Unlock()
	if err := r.allowed(c, p); err != nil {
		return rollout.Ack{}, activities.Application(err)
	}
	if err := r.permit(ctx, c.name, p); err != nil {
		return rollout.Ack{}, activities.Application(err)
	}
	if err := r.allowed(c, p); err != nil {
		return rollout.Ack{}, activities.Application(err)
	}
	c.do(r, ctx, p)
	ack := rollout.Ack{Rollout: r.status.Rollout, State: r.status.State, Phase: p.Phase}
	if r.revive != nil {
		ack.State = rollout.StatePending // it asks for its lane again
	}
	return ack, nil
}

// permit asks what is configured now, which may have changed since the release.
func (r *run) permit(ctx workflow.Context, name string, p rollout.Command) error {
	lctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: permitTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: permitTimeout / 50, MaximumAttempts: 5},
		Summary:                "may " + name + " now?",
	})
	var res activities.PermitResult
	if err := workflow.ExecuteLocalActivity(lctx, activities.Permit, activities.PermitRequest{
		Pipeline: r.in.Plan.Pipeline, Target: r.in.Plan.Target.Name, Release: r.in.Plan.Release, Command: name, Actor: p.Actor,
	}).Get(lctx, &res); err != nil {
		_, text := activities.Cause(err)
		return &rollout.Error{Op: name, On: r.status.Rollout, Kind: rollout.Transient, Err: errors.New(text), Fix: "try again"}
	}
	if res.Refused != "" {
		return &rollout.Error{Op: name, On: r.status.Rollout, Kind: rollout.Refused, Err: errors.New(res.Refused)}
	}
	return nil
}

// allowed reports whether the state allows the command, for any command first
// whether it means this rollout.
func (r *run) allowed(c command, p rollout.Command) error {
	err := r.meant(p)
	if err == nil {
		err = c.check(r, p)
	}
	if err == nil || rollout.KindOf(err) != "" {
		return err
	}
	return &rollout.Error{Op: c.name, On: r.status.Rollout, Kind: rollout.Refused, Err: err}
}

func (r *run) meant(p rollout.Command) error {
	if p.Digest != "" && p.Digest != r.in.Plan.Digest {
		return fmt.Errorf("it is about release digest %s, this rollout has %s", p.Digest, r.in.Plan.Digest)
	}
	if ph, _ := r.status.Phase(p.Phase); p.Phase != "" && ph == nil {
		var ids []string
		for _, known := range r.status.Phases {
			ids = append(ids, known.ID)
		}
		return &rollout.Error{
			Op: "find phase", On: fmt.Sprintf("%q of %s", p.Phase, r.status.Rollout), Kind: rollout.NotFound,
			Err: fmt.Errorf("it does not exist: its phases are %s", strings.Join(ids, ", ")),
		}
	}
	return nil
}
