package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

const fleetPlan = "plan --file testdata/fleet --pipeline shop --release v2 --source testdata/fleet/source --images app=reg.example/app:v2"

func TestPlanOfSeveralTargetsAtOnce(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	check(t, []command{
		{name: "plan-fleet", args: fleetPlan, down: down},
		{name: "plan-fleet-child", args: fleetPlan + " --target eu", down: down},
		{name: "plan-fleet-json", args: fleetPlan + " --target prod --output json", down: down},
		{name: "plan-fleet-unknown", args: fleetPlan + " --target asia", down: down},
	})
}

// The record of a controller has one of each child.
func TestPlanLiveOfSeveralTargets(t *testing.T) {
	t.Parallel()
	replicas := 6
	one := rollout.Split{{Revision: "shop-1", Percent: 100}}
	seen := rollout.Observed{Exists: true, Split: one, Replicas: &replicas}
	child := func(revision string) rollout.Record {
		return rollout.Record{Release: "v1", State: rollout.StateSucceeded, Revision: revision, Mark: rollout.Mark{Split: rollout.Split{{Revision: revision, Percent: 100}}}}
	}
	record := rollout.Record{
		Rollout: "v1-to-prod-0001", Release: "v1", State: rollout.StateSucceeded,
		Children: map[string]rollout.Record{"eu": child("shop-1"), "us": child("shop-0")},
	}
	lane := rollout.LaneStatus{Pipeline: "shop", Target: "prod", Succeeded: []rollout.Record{record}, Last: &record}
	onlyEU := record
	onlyEU.Children = map[string]rollout.Record{"eu": child("shop-1")}
	grown := lane
	grown.Succeeded, grown.Last = []rollout.Record{onlyEU}, &onlyEU
	check(t, []command{
		{name: "live-fleet", args: fleetPlan + " --target prod --live", serin: &fake{observed: seen, lane: lane}},
		{name: "live-fleet-new-child", args: fleetPlan + " --target us --live", serin: &fake{observed: seen, lane: grown}},
		{name: "live-fleet-denied", args: fleetPlan + " --target prod --live", serin: &fake{err: &rollout.Error{
			Op: "observe", On: "eu", Kind: rollout.Denied, Err: errors.New("no permission"),
		}}},
	})
}

// crowd observes any target, and counts how many at the same time.
type crowd struct {
	*fake
	mu        sync.Mutex
	seen      []string
	now, most int
	everybody chan struct{} // closed once as many look as may
	fails     string
}

func (c *crowd) Observe(ctx context.Context, p rollout.Plan) (rollout.Observed, error) {
	if ctx.Err() != nil {
		return rollout.Observed{}, ctx.Err()
	}
	c.mu.Lock()
	c.seen = append(c.seen, p.Target.Name)
	c.now++
	c.most = max(c.most, c.now)
	if c.now == lookers && len(c.seen) == lookers {
		close(c.everybody)
	}
	c.mu.Unlock()
	<-c.everybody
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	if p.Target.Name == c.fails {
		return rollout.Observed{}, &rollout.Error{Op: "observe", On: p.Target.Name, Kind: rollout.Denied, Err: errors.New("no permission")}
	}
	return rollout.Observed{}, nil
}

func hundred() plannedStage {
	s := plannedStage{Target: "all", Plan: rollout.Plan{Pipeline: "shop", Parallel: &rollout.Parallel{}}}
	for i := range 100 {
		name := fmt.Sprintf("c%02d", i)
		s.Children = append(s.Children, plannedStage{Target: name, Plan: rollout.Plan{Pipeline: "shop", Target: rollout.Target{Name: name}}})
	}
	return s
}

func TestAHundredTargetsAreObservedAFewAtATime(t *testing.T) {
	t.Parallel()
	s, c := hundred(), &crowd{fake: &fake{}, everybody: make(chan struct{})}
	if err := s.look(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.seen)
	if len(slices.Compact(c.seen)) != 100 || c.most != lookers {
		t.Errorf("%d targets were observed, %d at the same time", len(c.seen), c.most)
	}
	for _, child := range s.Children {
		if child.Live == nil {
			t.Fatalf("%s was not observed", child.Target)
		}
	}
}

func TestTheFirstProblemEndsTheLook(t *testing.T) {
	t.Parallel()
	s, c := hundred(), &crowd{fake: &fake{}, everybody: make(chan struct{}), fails: "c03"}
	err := s.look(t.Context(), c)
	if rollout.KindOf(err) != rollout.Denied || !strings.Contains(err.Error(), "c03") {
		t.Errorf("got %v", err)
	}
}

// The example is what it says it is: nothing to report, and a plan.
func TestPlanOfTheParallelExample(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	const folder = "../examples/parallel"
	check(t, []command{
		{name: "lint-example-parallel", args: "lint --file " + folder, down: down},
		{
			name: "plan-example-parallel", down: down,
			args: "plan --file " + folder +
				" --pipeline fleet --release v2 --source " + folder + "/source --images hello=hello:v2",
		},
	})
}

var _ targets = (*crowd)(nil)
