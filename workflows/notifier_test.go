package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// desk is one notifier and its receiver.
type desk struct {
	*testsuite.TestWorkflowEnvironment
	start time.Time
	got   []string             // "v2 1", in the order of the receiver
	made  map[string]time.Time // when notices were told first
	most  int                  // notices of one call

	down   func(now time.Duration) error // why the receiver takes nothing; nil: it does
	refuse string                        // the rollout whose notices it will never take
}

const opsNotifier = "ops"

func newDesk(t *testing.T) *desk {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	d := &desk{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), down: func(time.Duration) error { return nil }}
	d.SetStartWorkflowOptions(startOptions(rollout.NotifierOf(opsNotifier)))
	d.SetTestTimeout(30 * time.Second)
	d.start, d.made = d.Now(), map[string]time.Time{}
	workflows.Register(d)
	d.RegisterActivityWithOptions(d.deliver, activity.RegisterOptions{Name: activities.DeliverNotices})
	return d
}

func (d *desk) deliver(_ context.Context, r activities.NoticesRequest) (activities.NoticesResult, error) {
	d.most = max(d.most, len(r.Notices))
	if err := d.down(d.Now().Sub(d.start)); err != nil {
		return activities.NoticesResult{}, err
	}
	var res activities.NoticesResult
	for _, n := range r.Notices[:min(3, len(r.Notices))] { // then it is slow
		res.Done++
		if n.Release == d.refuse {
			res.Refused = append(res.Refused, n.ID+": 422 Unprocessable Entity")
			continue
		}
		d.got = append(d.got, fmt.Sprintf("%s %d", n.Release, n.Seq))
	}
	return res, nil
}

// tell sends the notices from one number to another of a release at at.
func (d *desk) tell(at time.Duration, release string, from, to int) {
	d.RegisterDelayedCallback(func() {
		var m rollout.Notices
		for seq := from; seq <= to; seq++ {
			n := rollout.Notice{Pipeline: "shop", Release: release, Rollout: release + "-to-prod-0001"}.Numbered(seq)
			if _, twice := d.made[n.ID]; !twice {
				d.made[n.ID] = d.start.Add(at)
			}
			n.Time = d.made[n.ID]
			m.Notices = append(m.Notices, n)
		}
		d.SignalWorkflow(rollout.SignalNotices, m)
	}, at)
}

// until plays the notifier up to at, where it is made to continue as new, and returns with what it does.
func (d *desk) until(t *testing.T, at time.Duration, status rollout.NotifierStatus) rollout.NotifierStatus {
	t.Helper()
	status.Notification = opsNotifier
	d.RegisterDelayedCallback(func() {
		d.SetContinueAsNewSuggested(true)
		d.SignalWorkflow(rollout.SignalNotices, rollout.Notices{})
	}, at)
	d.ExecuteWorkflow(rollout.WorkflowNotifier, status)
	return d.next(t)
}

// next is what the notifier continues with.
func (d *desk) next(t *testing.T) rollout.NotifierStatus {
	t.Helper()
	var again *workflow.ContinueAsNewError
	var next rollout.NotifierStatus
	if !errors.As(d.GetWorkflowError(), &again) {
		t.Fatalf("it ended with %v", d.GetWorkflowError())
	}
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &next); err != nil {
		t.Fatal(err)
	}
	return next
}

func (d *desk) has(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(d.got, want) {
		t.Errorf("delivered %q\nwant %q", d.got, want)
	}
}

func numbered(release string, from, to int) []string {
	var out []string
	for seq := from; seq <= to; seq++ {
		out = append(out, fmt.Sprintf("%s %d", release, seq))
	}
	return out
}

func TestNotifierDeliversInOrderAndOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.tell(0, "v2", 1, 5)
	d.tell(0, "v3", 1, 2)
	d.tell(time.Minute, "v2", 4, 6) // 4 and 5 come twice
	next := d.until(t, time.Hour, rollout.NotifierStatus{})
	d.has(t, slices.Concat(numbered("v2", 1, 5), numbered("v3", 1, 2), numbered("v2", 6, 6))...)
	if next.Delivered != 8 || len(next.Queue) != 0 || next.Dropped != 0 || next.Last.IsZero() {
		t.Errorf("status %+v", next)
	}
}

// TestNotifierOutlastsAReceiver that is down for an hour: it says so, and then delivers everything in
// order. Its history grows with the logarithm of the outage.
func TestNotifierOutlastsAReceiver(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.down = func(now time.Duration) error {
		if now < time.Hour {
			return temporal.NewApplicationError("connection refused", string(rollout.Transient))
		}
		return nil
	}
	d.tell(0, "v2", 1, 2)
	d.tell(30*time.Minute, "v2", 3, 60)
	var said rollout.NotifierStatus
	d.RegisterDelayedCallback(func() {
		value, err := d.QueryWorkflow(rollout.QueryState)
		if err != nil || value.Get(&said) != nil {
			t.Errorf("query: %v", err)
		}
	}, 50*time.Minute)
	next := d.until(t, 3*time.Hour, rollout.NotifierStatus{})
	d.has(t, numbered("v2", 1, 60)...)
	if said.Failure != "connection refused" || said.Failures < 4 || said.Failures > 7 || len(said.Queue) != 60 || said.Failed.IsZero() {
		t.Errorf("while it was down: %+v", said)
	}
	if next.Failure != "" || next.Failures != 0 || next.Delivered != 60 || d.most != 20 {
		t.Errorf("status %+v, at most %d in a call", next, d.most)
	}
}

// TestNotifierDropsAfterADay, and says what. A receiver that refuses a notice gets the next one.
func TestNotifierDrops(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		set   func(*desk)
		got   []string
		notes []string
	}{
		{
			name: "what is a day old",
			set: func(d *desk) {
				d.down = func(now time.Duration) error {
					if now < 26*time.Hour {
						return temporal.NewApplicationError("connection refused", string(rollout.Transient))
					}
					return nil
				}
				d.tell(0, "v2", 1, 3)
				d.tell(20*time.Hour, "v3", 1, 2)
			},
			got:   numbered("v3", 1, 2),
			notes: []string{"dropped 3: not delivered within 24h0m0s: connection refused"},
		},
		{
			name: "what is refused",
			set: func(d *desk) {
				d.refuse = "bad"
				d.tell(0, "bad", 1, 1)
				d.tell(0, "v2", 1, 2)
			},
			got:   numbered("v2", 1, 2),
			notes: []string{"dropped 1: rollout/shop/bad-to-prod-0001/1: 422 Unprocessable Entity"},
		},
		{
			name: "what nobody wants any more",
			set: func(d *desk) {
				d.down = func(now time.Duration) error {
					if now < time.Minute {
						return temporal.NewNonRetryableApplicationError("find notification ops: it does not exist any more", string(rollout.NotFound), nil)
					}
					return nil
				}
				d.tell(0, "v2", 1, 3)
				d.tell(time.Hour, "v2", 4, 4)
			},
			got:   numbered("v2", 4, 4),
			notes: []string{"dropped 3: find notification ops: it does not exist any more"},
		},
		{
			name: "the oldest of too many",
			set: func(d *desk) {
				d.down = func(now time.Duration) error {
					if now < 2*time.Hour {
						return temporal.NewApplicationError("connection refused", string(rollout.Transient))
					}
					return nil
				}
				d.tell(0, "v1", 1, 25)
				for i := range 99 {
					d.tell(time.Minute*time.Duration(i+1), "v2", 10*i+1, 10*i+10)
				}
			},
			got:   slices.Concat(numbered("v1", 1, 20), numbered("v2", 11, 990)),
			notes: []string{"dropped 5: more than 1000 wait", "dropped 10: more than 1000 wait"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			row.set(d)
			next := d.until(t, 48*time.Hour, rollout.NotifierStatus{})
			d.has(t, row.got...)
			var notes []string
			for _, note := range next.Notes {
				_, text, _ := strings.Cut(note, " ")
				notes = append(notes, text)
			}
			equal(t, "notes", notes, row.notes)
			if next.Delivered != len(row.got) {
				t.Errorf("delivered %d, want %d", next.Delivered, len(row.got))
			}
		})
	}
}

// TestNotifierContinuesAsNewWithWhatItHas: while the receiver is down, with a delivery under way.
func TestNotifierContinuesAsNewWithWhatItHas(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.down = func(time.Duration) error {
		return temporal.NewApplicationError("connection refused", string(rollout.Transient))
	}
	d.tell(0, "v2", 1, 30)
	d.tell(10*time.Minute, "v2", 31, 31)
	next := d.until(t, 10*time.Minute, rollout.NotifierStatus{})
	if len(next.Queue) != 31 || next.Failures == 0 || next.Failure != "connection refused" {
		t.Errorf("%d wait, %d failures: %q", len(next.Queue), next.Failures, next.Failure)
	}
	later := newDesk(t)
	later.made = d.made
	later.tell(time.Minute, "v2", 31, 32) // 31 is known
	last := later.until(t, time.Hour, next)
	later.has(t, numbered("v2", 1, 32)...)
	if len(last.Queue) != 0 || last.Failure != "" {
		t.Errorf("status %+v", last)
	}
}

// TestNotifierOfTheNamespacePassesOn by another activity, and keeps what it cannot route.
func TestNotifierOfTheNamespacePassesOn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.RegisterActivityWithOptions(d.deliver, activity.RegisterOptions{Name: activities.RouteNotices})
	d.OnActivity(activities.DeliverNotices, mock.Anything, mock.Anything).Panic("it delivers to nobody itself").Maybe()
	d.tell(0, "v2", 1, 4)
	d.RegisterDelayedCallback(func() {
		d.SetContinueAsNewSuggested(true)
		d.SignalWorkflow(rollout.SignalNotices, rollout.Notices{Lost: 2, Notices: []rollout.Notice{{Pipeline: "shop", Rollout: "v3-to-prod-0001", Time: d.Now()}}})
	}, time.Hour)
	d.ExecuteWorkflow(rollout.WorkflowNotifier, rollout.NotifierStatus{})
	next := d.next(t)
	d.has(t, numbered("v2", 1, 4)...)
	if len(next.Queue) != 1 || next.Dropped != 2 || !strings.HasSuffix(next.Notes[0], "dropped 2: rollout/shop/v3-to-prod-0001: no notifier took them in time") {
		t.Errorf("status %+v", next)
	}
}
