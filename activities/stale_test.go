package activities_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// stale is a platform that answers reads from before its last write until a time.
type stale struct {
	*fake.Platform
	before rollout.Observed
	until  time.Time
}

func (s *stale) Observe(ctx context.Context, w activities.Work) (rollout.Observed, error) {
	now, err := s.Platform.Observe(ctx, w)
	if err == nil && time.Now().Before(s.until) {
		now.Split, now.Generation, now.By = s.before.Split, s.before.Generation, s.before.By
	}
	return now, err
}

func (s *stale) Changed(ctx context.Context, _ activities.Work, _ rollout.Observed) error {
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestAStaleReadIsNoDrift: a platform may answer a read from before the rollout's own
// last write. Only what stays older is somebody else's doing.
func TestAStaleReadIsNoDrift(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		stale time.Duration
		kind  rollout.Kind
	}{
		{"for a while", 5 * time.Second, ""},
		{"for ever", time.Hour, rollout.Drift},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				env, platform, s := steps(t)
				before := observe(t, platform)
				if _, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{Work: work(25), Last: before.Mark()}); err != nil {
					t.Fatal(err)
				}
				late := &stale{Platform: platform, before: before, until: time.Now().Add(row.stale)}
				s = activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: late}, new(fake.Artifacts))
				var suite testsuite.WorkflowTestSuite
				env = suite.NewTestActivityEnvironment()
				env.RegisterActivity(s)
				_, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{Work: work(50), Last: observe(t, platform).Mark()})
				var kind rollout.Kind
				if err != nil {
					kind, _ = activities.Cause(err)
				}
				if kind != row.kind {
					t.Errorf("got %v of kind %q, want %q", err, kind, row.kind)
				}
			})
		})
	}
}

func observe(t *testing.T, p *fake.Platform) rollout.Observed {
	t.Helper()
	o, err := p.Observe(t.Context(), work(0))
	if err != nil {
		t.Fatal(err)
	}
	return o
}
