package activities_test

import (
	"context"
	"errors"
	"testing"

	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// damaged is a platform that cannot read the manifest of phase canary-50.
type damaged struct{ *fake.Platform }

func (d damaged) Next(ctx context.Context, w activities.Work) (rollout.Split, error) {
	if w.Phase == "canary-50" {
		return nil, &rollout.Error{Op: "artifact: get", Kind: rollout.Corrupt, Err: errors.New("it has another digest")}
	}
	return d.Platform.Next(ctx, w)
}

// TestADamagedManifestDoesNotKeepTrafficFromGoingBack: the phase that failed because of
// its manifest has written nothing that a restore would have to tell from drift.
func TestADamagedManifestDoesNotKeepTrafficFromGoingBack(t *testing.T) {
	t.Parallel()
	env, platform, s := steps(t)
	if _, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{Work: work(25)}); err != nil {
		t.Fatal(err)
	}
	last := observe(t, platform).Mark()
	var suite testsuite.WorkflowTestSuite
	env = suite.NewTestActivityEnvironment()
	s = activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: damaged{platform}}, new(fake.Artifacts))
	env.RegisterActivity(s)
	r := activities.StepRequest{Work: work(0), Last: last, Tried: &rollout.Phase{ID: "canary-50", Weight: 50}}
	if _, err := env.ExecuteActivity(s.Restore, r); err != nil {
		t.Fatal(err)
	}
	if got := observe(t, platform).Split.String(); got != "shop-v1 100%" {
		t.Errorf("it serves %s, want shop-v1 100%%", got)
	}
}
