package workflows

import (
	"errors"
	"fmt"
	"strings"

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
	check func(r *run, ctx workflow.Context, c rollout.Command) error
	do    func(r *run, ctx workflow.Context, c rollout.Command)
}

func commandTable() []command {
	return []command{
		{rollout.CommandApprove, `Let the rollout begin: {"actor":"you","digest":"sha256:..."}`, checkApprove, doApprove},
		{rollout.CommandReject, `Never let it begin: {"actor":"you","reason":"why"}`, checkApprover, doReject},
		{rollout.CommandAdvance, `Begin the waiting phase: {"phase":"canary-50","actor":"you"}`, checkAdvance, doAdvance},
		{rollout.CommandCancel, `Stop; traffic stays, or goes back to stable with {"restore":true}`, checkCancel, doCancel},
		{rollout.CommandPause, `Begin nothing new until resume: {"actor":"you"}`, checkPause, doPause},
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
			Validator: func(ctx workflow.Context, p rollout.Command) error {
				return activities.Application(r.allowed(ctx, c, p))
			},
		}); err != nil {
			return err
		}
	}
	r.hearSignals(life)
	workflow.GoNamed(life, "temporal cancel", func(life workflow.Context) {
		ctx.Done().Receive(life, nil)
		p := rollout.Command{Actor: "temporal"}
		if checkCancel(r, life, p) == nil {
			doCancel(r, life, p)
		}
	})
	r.hearLane(life)
	if err := workflow.SetQueryHandler(life, rollout.QueryPlan, func() (rollout.Plan, error) { return r.in.Plan, nil }); err != nil {
		return err
	}
	return workflow.SetQueryHandler(life, rollout.QueryState, func() (rollout.Status, error) { return r.status, nil })
}

// hearSignals carries out the commands that come as Signals, one after another. One coroutine
// hears them all: thousands of rollouts wait.
func (r *run) hearSignals(ctx workflow.Context) {
	workflow.GoNamed(ctx, "signals", func(ctx workflow.Context) {
		s := workflow.NewNamedSelector(ctx, "signals")
		for _, c := range commandTable() {
			alias := workflow.GetSignalChannelWithOptions(ctx, c.name, workflow.SignalChannelOptions{Description: c.help})
			s.AddReceive(alias, func(ch workflow.ReceiveChannel, _ bool) {
				var p rollout.Command
				ch.Receive(ctx, &p)
				if _, err := r.execute(ctx, c, p); err != nil {
					_, text := activities.Cause(err)
					r.record(ctx, rollout.Event{Kind: rollout.EventRefused, Actor: p.Actor, Note: text})
				}
			})
		}
		for {
			s.Select(ctx)
		}
	})
}

func (r *run) hearLane(ctx workflow.Context) {
	workflow.GoNamed(ctx, "lane", func(ctx workflow.Context) {
		grants := workflow.GetSignalChannel(ctx, rollout.SignalGrant)
		closes := workflow.GetSignalChannel(ctx, rollout.SignalClose)
		rollbacks := workflow.GetSignalChannel(ctx, rollout.SignalRolledBack)
		s := workflow.NewNamedSelector(ctx, "lane")
		s.AddReceive(grants, func(ch workflow.ReceiveChannel, _ bool) {
			var g rollout.Grant
			ch.Receive(ctx, &g)
			r.take(ctx, g)
		})
		s.AddReceive(closes, func(ch workflow.ReceiveChannel, _ bool) {
			var c rollout.Close
			ch.Receive(ctx, &c)
			r.closed = &c
		})
		s.AddReceive(rollbacks, func(ch workflow.ReceiveChannel, _ bool) {
			var b rollout.RolledBack
			ch.Receive(ctx, &b)
			r.rolledBack(ctx, b)
		})
		if r.isChild() {
			s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalDirect), func(ch workflow.ReceiveChannel, _ bool) {
				var d rollout.Direction
				ch.Receive(ctx, &d)
				r.directed(ctx, d)
			})
		} else {
			s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalStop), func(ch workflow.ReceiveChannel, _ bool) {
				var c rollout.Command
				ch.Receive(ctx, &c)
				r.laneCancels(ctx, c)
			})
		}
		for {
			s.Select(ctx)
		}
	})
}

// take takes a grant, once.
func (r *run) take(ctx workflow.Context, g rollout.Grant) {
	if g.Seq <= r.granted || r.closed != nil {
		return
	}
	r.granted, r.grant = g.Seq, &g
	if g.Predecessor != nil {
		r.stableManifest = g.Predecessor.StableManifest
	}
	if !r.tidying {
		r.record(ctx, rollout.Event{Kind: rollout.EventGranted})
	}
}

// laneCancels takes a cancel of the lane, which was permitted to it: no policy is asked again.
func (r *run) laneCancels(ctx workflow.Context, c rollout.Command) {
	if checkCancel(r, ctx, c) != nil {
		return
	}
	r.permitted(ctx, rollout.CommandCancel, c, activities.PermitResult{Overridden: c.Override})
	doCancel(r, ctx, c)
	r.show(ctx)
}

// rolledBack notes, once, which rollout rolls this one back, or why none does.
func (r *run) rolledBack(ctx workflow.Context, b rollout.RolledBack) {
	if b.Seq <= r.goneBack || r.over {
		return
	}
	r.goneBack = b.Seq
	end := rollout.RepairFailed
	if b.Refused == "" {
		end = rollout.RepairSucceeded
		r.record(ctx, rollout.Event{Kind: rollout.EventRolledBack, Note: b.By})
	}
	if s := r.status.Repair; s != nil && s.Rollback {
		r.endRepair(ctx, end, b.Refused)
	}
	r.bakeRefused(ctx, b.Refused)
	r.show(ctx)
}

// execute carries out one command at a time: permitted by policy, still allowed by
// the state after that took its time, then done.
func (r *run) execute(ctx workflow.Context, c command, p rollout.Command) (rollout.Ack, error) {
	if err := r.mutex.Lock(ctx); err != nil {
		return rollout.Ack{}, err
	}
	defer r.mutex.Unlock()
	if err := r.allowed(ctx, c, p); err != nil {
		return rollout.Ack{}, activities.Application(err)
	}
	res, err := r.permit(ctx, c.name, p)
	if err == nil {
		err = r.allowed(ctx, c, p)
	}
	if err != nil {
		return rollout.Ack{}, activities.Application(err)
	}
	r.permitted(ctx, c.name, p, res)
	c.do(r, ctx, p)
	r.show(ctx)
	return rollout.Ack{Rollout: r.status.Rollout, State: r.soon(), Phase: p.Phase}, nil
}

// soon is the state once the loop has taken up what a command asked for.
func (r *run) soon() rollout.State {
	switch {
	case r.revive != nil && !r.repair.waits: // it asks for its lane again
		return rollout.StatePending
	case r.status.State == rollout.StatePendingApproval && r.status.Approval.State == rollout.ApprovalGiven:
		return rollout.StatePending
	case r.status.State == rollout.StatePendingApproval && r.status.Approval.State == rollout.ApprovalRefused:
		return rollout.StateApprovalRejected
	}
	return r.status.State
}

// allowed reports whether the state allows the command, for any command first
// whether it means this rollout.
func (r *run) allowed(ctx workflow.Context, c command, p rollout.Command) error {
	err := r.meant(p)
	if err == nil {
		err = r.taken(c.name)
	}
	if err == nil {
		err = c.check(r, ctx, p)
	}
	if err == nil || rollout.KindOf(err) != "" {
		return err
	}
	return &rollout.Error{Op: c.name, On: r.status.Rollout, Kind: rollout.Refused, Err: err}
}

func (r *run) meant(p rollout.Command) error {
	own := r.in.Plan.Digest
	if d := p.Digest; d != "" && d != own && (len(d) < shortDigest || !strings.HasPrefix(own, d)) {
		return fmt.Errorf("it is about release digest %s, this rollout has %s", d, own)
	}
	if len(p.Override) > 0 && p.Reason == "" {
		return errors.New("reason is missing: say why deploy policies are overridden")
	}
	if ph, _ := r.status.Phase(p.Phase); p.Phase != "" && ph == nil {
		return r.unknownPhase(p.Phase)
	}
	return nil
}

func (r *run) unknownPhase(id string) error {
	var ids []string
	for _, known := range r.status.Phases {
		ids = append(ids, known.ID)
	}
	return &rollout.Error{
		Op: "find phase", On: fmt.Sprintf("%q of %s", id, r.status.Rollout), Kind: rollout.NotFound,
		Err: fmt.Errorf("it does not exist: its phases are %s", strings.Join(ids, ", ")),
	}
}

// taken reports whether a rollout of this role, and in this state, takes the command: a
// controller has no jobs of its own, and its children begin, end and pause with it.
func (r *run) taken(name string) error {
	aboutJob := isAboutJob(name)
	switch {
	case r.children != nil && aboutJob:
		return fmt.Errorf("it is a controller, and its jobs are its children's: %s", strings.Join(r.childCommands(name), " or "))
	case r.isChild() && !aboutJob && (name != rollout.CommandResume || !r.asking):
		return fmt.Errorf("it is a child: %s its controller %s", name, r.in.Controller)
	}
	err := rollout.CommandAllowed(name, r.status.State, r.status.Role())
	if err != nil && (name == rollout.CommandApprove || name == rollout.CommandReject) {
		if why := r.decided(); why != "" {
			err = fmt.Errorf("%w: %s", err, why)
		}
	}
	return err
}

func isAboutJob(command string) bool {
	return command == rollout.CommandRetryJob || command == rollout.CommandIgnoreJob || command == rollout.CommandTerminate
}

// childCommands returns the commands of the first children that a controller's jobs are meant
// to be: those that the command is for, or else any.
func (r *run) childCommands(name string) []string {
	const shown = 3
	line := "serin rollout " + verb(name) + " --pipeline " + r.in.Plan.Pipeline + " --rollout "
	var meant, all []string
	for _, c := range r.status.Children {
		if c.Rollout == "" {
			continue
		}
		all = append(all, c.Rollout)
		switch {
		case name != rollout.CommandTerminate && c.FailedJob != "":
			meant = append(meant, fmt.Sprintf("%s%s --phase %s --job %s", line, c.Rollout, c.Phase, c.FailedJob))
		case name == rollout.CommandTerminate && c.PhaseState == rollout.PhaseInProgress:
			meant = append(meant, line+c.Rollout) // the job that runs is the child's to know
		}
	}
	if len(meant) == 0 {
		meant = all
	}
	if len(meant) == 0 {
		return []string{"none has begun"}
	}
	return meant[:min(shown, len(meant))]
}
