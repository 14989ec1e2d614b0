package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// memoWatch is the field of a schedule's memo that holds the rollout.Watch.
const memoWatch = "watch"

// passLimit bounds one pass of a watch; what it has not come to is the next one's.
const passLimit = 15 * time.Minute

// scheduler is what the client needs of Temporal for watches.
type scheduler interface {
	ScheduleClient() temporalclient.ScheduleClient
	GetWorkflow(ctx context.Context, id, run string) temporalclient.WorkflowRun
}

// Watching is a watch and where it stands.
type Watching struct {
	rollout.Watch
	Paused  bool      `json:"paused"`
	Note    string    `json:"note,omitempty"`    // why it is paused, or goes on
	Last    time.Time `json:"last,omitzero"`     // when the newest pass began
	Next    time.Time `json:"next,omitzero"`     // zero while it is paused
	Failure string    `json:"failure,omitempty"` // of the newest pass as a whole; DescribeWatch only
	// Status is what the newest pass that is done has found; nil before it, and in a list.
	Status *rollout.WatchStatus `json:"status,omitempty"`
}

// CreateWatch makes a schedule whose passes take new revisions of Cloud Run through a pipeline. The
// first one begins at once; one that is late delays the next, and none runs beside another.
//
// Errors: Invalid for what is missing; Conflict if there is a watch of that name; Unreachable.
func (c *Client) CreateWatch(ctx context.Context, w rollout.Watch) error {
	const op = "create watch"
	if err := checkWatch(op, w); err != nil {
		return err
	}
	in := call{op: op, on: w.Name, via: c.via}
	err := c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		_, err := c.schedules.ScheduleClient().Create(ctx, temporalclient.ScheduleOptions{
			ID:   rollout.WatchID(w.Name),
			Spec: temporalclient.ScheduleSpec{Intervals: []temporalclient.ScheduleIntervalSpec{{Every: w.Every}}},
			Action: &temporalclient.ScheduleWorkflowAction{
				ID: rollout.WatchID(w.Name), Workflow: rollout.WorkflowWatch, Args: []any{w}, TaskQueue: rollout.DefaultTaskQueue,
				WorkflowRunTimeout: passLimit, StaticSummary: "a pass of watch " + w.Name,
				TypedSearchAttributes: temporal.NewSearchAttributes(
					temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(w.Pipeline),
				),
			},
			Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Minute, TriggerImmediately: true,
			Memo: map[string]any{memoWatch: w},
		})
		if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			return in.fail(rollout.Conflict, errors.New("there is a watch of that name already"), "serin watch describe --name "+w.Name)
		}
		return err
	})
	return err
}

// checkWatch refuses what no pass could do.
func checkWatch(op string, w rollout.Watch) error {
	err := given(op, "name", w.Name, "project", w.Project, "label", w.Label, "pipeline", w.Pipeline, "task queue", w.TaskQueue)
	in := call{op: op, on: w.Name}
	key, _, pair := strings.Cut(w.Label, "=")
	switch {
	case err != nil:
		return err
	case len(w.Regions) == 0 || slices.Contains(w.Regions, ""):
		return in.fail(rollout.Invalid, errors.New("no region given"), "")
	case !pair || key == "":
		return in.fail(rollout.Invalid, fmt.Errorf("label %q: want key=value", w.Label), "")
	case w.MinRequests <= 0:
		return in.fail(rollout.Invalid, fmt.Errorf("at least %d requests: want a number above 0: without requests there is nothing to judge by", w.MinRequests), "")
	case w.Every < time.Second:
		return in.fail(rollout.Invalid, fmt.Errorf("a pass every %s: want 1s or more", w.Every), "")
	}
	return nil
}

// Watches lists the watches, by name. It needs no worker.
func (c *Client) Watches(ctx context.Context) ([]Watching, error) {
	out := []Watching{}
	err := c.do(ctx, call{op: "list", on: "watches"}, answerLimit, func(ctx context.Context) error {
		all, err := c.schedules.ScheduleClient().List(ctx, temporalclient.ScheduleListOptions{PageSize: pageSize})
		if err != nil {
			return err
		}
		for all.HasNext() {
			e, err := all.Next()
			if err != nil {
				return err
			}
			if e.ID != rollout.WatchID(strings.TrimPrefix(e.ID, rollout.WatchID(""))) {
				continue
			}
			w := Watching{Paused: e.Paused, Note: e.Note}
			w.Watch = watchOf(e.Memo, e.ID)
			w.times(e.RecentActions, e.NextActionTimes)
			out = append(out, w)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Watching) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

// watchOf is what the memo says; of a schedule that another hand has made its name only.
func watchOf(memo *commonpb.Memo, id string) rollout.Watch {
	w := rollout.Watch{Name: strings.TrimPrefix(id, rollout.WatchID(""))}
	if p := memo.GetFields()[memoWatch]; p != nil {
		var known rollout.Watch
		if converter.GetDefaultDataConverter().FromPayload(p, &known) == nil {
			w = known
		}
	}
	return w
}

// times takes over when passes were and will be.
func (w *Watching) times(recent []temporalclient.ScheduleActionResult, next []time.Time) {
	for _, a := range recent {
		if a.ActualTime.After(w.Last) {
			w.Last = a.ActualTime
		}
	}
	if len(next) > 0 && !w.Paused {
		w.Next = next[0]
	}
}

// DescribeWatch returns a watch with what its newest pass has found. It needs no worker.
//
// Errors: NotFound, with what there is to do; Unreachable.
func (c *Client) DescribeWatch(ctx context.Context, name string) (Watching, error) {
	const op = "describe watch"
	if err := given(op, "name", name); err != nil {
		return Watching{}, err
	}
	var out Watching
	err := c.do(ctx, onWatch(op, name), answerLimit, func(ctx context.Context) error {
		d, err := c.schedules.ScheduleClient().GetHandle(ctx, rollout.WatchID(name)).Describe(ctx)
		if err != nil {
			return err
		}
		out = Watching{Watch: watchOf(d.Memo, rollout.WatchID(name)), Paused: d.Schedule.State.Paused, Note: d.Schedule.State.Note}
		out.times(d.Info.RecentActions, d.Info.NextActionTimes)
		return c.newest(ctx, &out, d.Info.RecentActions)
	})
	return out, err
}

// newest adds the result of the newest pass that is done, and why newer ones have none.
func (c *Client) newest(ctx context.Context, w *Watching, recent []temporalclient.ScheduleActionResult) error {
	recent = slices.Clone(recent)
	slices.SortFunc(recent, func(a, b temporalclient.ScheduleActionResult) int {
		return cmp.Or(b.ActualTime.Compare(a.ActualTime), b.ScheduleTime.Compare(a.ScheduleTime))
	})
	for _, a := range recent {
		if a.StartWorkflowResult == nil {
			continue
		}
		id, run := a.StartWorkflowResult.WorkflowID, a.StartWorkflowResult.FirstExecutionRunID
		d, err := c.views.DescribeWorkflowExecution(ctx, id, run)
		if absent(restore(call{}, err)) { // retained no more
			continue
		}
		if err != nil {
			return err
		}
		if d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			continue
		}
		var s rollout.WatchStatus
		if err := c.schedules.GetWorkflow(ctx, id, run).Get(ctx, &s); err != nil {
			if ctx.Err() != nil {
				return err
			}
			w.Failure = cmp.Or(w.Failure, restore(call{op: "pass", on: id}, err).Error())
			continue
		}
		w.Status = &s
		return nil
	}
	return nil
}

// PauseWatch stops passes, or lets them go on, with a note for people. What was made a release goes
// on either way.
//
// Errors: NotFound; Unreachable.
func (c *Client) PauseWatch(ctx context.Context, name string, paused bool, note string) error {
	op := "pause watch"
	if !paused {
		op = "resume watch"
	}
	if err := given(op, "name", name); err != nil {
		return err
	}
	return c.do(ctx, onWatch(op, name), answerLimit, func(ctx context.Context) error {
		h := c.schedules.ScheduleClient().GetHandle(ctx, rollout.WatchID(name))
		if paused {
			return h.Pause(ctx, temporalclient.SchedulePauseOptions{Note: note})
		}
		return h.Unpause(ctx, temporalclient.ScheduleUnpauseOptions{Note: note})
	})
}

// DeleteWatch ends a watch. Its releases, and the pipelines that were derived for them, stay.
//
// Errors: NotFound; Unreachable.
func (c *Client) DeleteWatch(ctx context.Context, name string) error {
	const op = "delete watch"
	if err := given(op, "name", name); err != nil {
		return err
	}
	return c.do(ctx, onWatch(op, name), answerLimit, func(ctx context.Context) error {
		return c.schedules.ScheduleClient().GetHandle(ctx, rollout.WatchID(name)).Delete(ctx)
	})
}

// onWatch is a call about a watch that there should be.
func onWatch(op, name string) call { return call{op: op, on: name, missing: "serin watch list"} }
