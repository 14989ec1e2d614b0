package parallel_test

import (
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// TestACancelReachesChildrenThatAreBeingStarted: some of them do not run yet when it comes.
func TestACancelReachesChildrenThatAreBeingStarted(t *testing.T) {
	d := start(t, "hasty", "everywhere")
	d.Apply(world.Many("hasty", "everywhere", d.World.Run.URL(), 60, []int{50}))
	name := d.Release("v1", map[string]string{"service.yaml": world.Manifest("hasty", "img/v1")})
	d.Until(name, func(r client.Rollout) bool { return len(r.Children) > 0 && r.Children[0].State != "" })
	d.Must(d.World.Client.Cancel(d.Ctx, d.Pipeline, name, rollout.Command{Actor: "ann"}))
	got := d.Until(name, drive.In(rollout.StateCancelled))
	for _, c := range got.Children {
		if c.Rollout == "" || c.State == rollout.StateSucceeded {
			continue // not begun, or done before the cancel
		}
		if r := d.Read(c.Rollout); r.State != rollout.StateCancelled {
			t.Errorf("%s is %s", c.Rollout, r.State)
		}
	}
}
