package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// regions are what the platform and the planning say to one pass of a watch.
type regions struct {
	found   map[string][]rollout.FoundService // by location; one that is not there cannot be asked
	refuse  map[string]error                  // by service
	before  *rollout.WatchStatus
	adopted []string
}

func (r *regions) pass(t *testing.T) rollout.WatchStatus {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	workflows.Register(env)
	env.RegisterActivityWithOptions(func(_ context.Context, q activities.DiscoverRequest) (activities.DiscoverResult, error) {
		found, ok := r.found[q.Location]
		if !ok {
			return activities.DiscoverResult{}, activities.Application(&rollout.Error{Op: "ask", Kind: rollout.Denied, Err: errors.New("no permission")})
		}
		return activities.DiscoverResult{Services: found}, nil
	}, activity.RegisterOptions{Name: activities.Discover})
	env.RegisterActivityWithOptions(func(_ context.Context, q activities.AdoptRequest) (activities.AdoptResult, error) {
		if err := r.refuse[q.Service.Service]; err != nil {
			return activities.AdoptResult{}, activities.Application(err)
		}
		r.adopted = append(r.adopted, q.Service.Service)
		return activities.AdoptResult{Pipeline: "p-" + q.Service.Service, Release: q.Service.Ready, Made: true}, nil
	}, activity.RegisterOptions{Name: activities.Adopt})
	if r.before != nil {
		env.SetLastCompletionResult(*r.before)
	}
	env.ExecuteWorkflow(rollout.WorkflowWatch, rollout.Watch{
		Name: "all", Project: "shop", Regions: []string{"eu", "us"}, Label: "a=b", Pipeline: "gradual", MinRequests: 10, TaskQueue: "serin",
	})
	var s rollout.WatchStatus
	if err := env.GetWorkflowResult(&s); err != nil {
		t.Fatal(err)
	}
	r.before = &s
	return s
}

func serviceIn(location, service, ready string) rollout.FoundService {
	return rollout.FoundService{
		Location: "projects/shop/locations/" + location, Service: service, Ready: ready, Split: rollout.Split{{Revision: service + "-1", Percent: 100}},
	}
}

// lines has one line for each service of a pass.
func lines(s rollout.WatchStatus) []string {
	var out []string
	for _, x := range s.Services {
		out = append(out, strings.TrimRight(fmt.Sprintf("%s %s: %s %s", x.Location[len("projects/shop/locations/"):], x.Service, x.Says, x.Error), " "))
	}
	return append(out, s.Failures...)
}

func TestAWatchTakesEachServiceByItself(t *testing.T) {
	t.Parallel()
	r := &regions{
		found: map[string][]rollout.FoundService{
			"projects/shop/locations/eu": {serviceIn("eu", "bad", "bad-2"), serviceIn("eu", "cart", "cart-2"), serviceIn("eu", "idle", "idle-1")},
		},
		refuse: map[string]error{"bad": &rollout.Error{Op: "plan", Kind: rollout.Invalid, Err: errors.New("no stage")}},
	}
	equal(t, "first pass", lines(r.pass(t)), []string{
		"eu bad: bad-2 could not be made a release plan: no stage", "eu cart: cart-2 is a release now", "eu idle: idle-1 serves",
		"projects/shop/locations/us: ask: no permission",
	})
	r.found["projects/shop/locations/us"] = []rollout.FoundService{serviceIn("us", "cart", "cart-1")}
	equal(t, "second pass", lines(r.pass(t)), []string{ // the error is shown until something is done for the service
		"eu bad: bad-2 could not be made a release plan: no stage", "eu cart: cart-2 has no traffic; it is a release already", "eu idle: idle-1 serves",
		"us cart: cart-1 serves",
	})
	delete(r.found, "projects/shop/locations/eu")
	delete(r.refuse, "bad")
	equal(t, "third pass", lines(r.pass(t)), []string{ // what cannot be asked is as it was
		"eu bad: bad-2 could not be made a release plan: no stage", "eu cart: cart-2 has no traffic; it is a release already", "eu idle: idle-1 serves",
		"us cart: cart-1 serves", "projects/shop/locations/eu: ask: no permission",
	})
	r.found["projects/shop/locations/eu"] = []rollout.FoundService{serviceIn("eu", "bad", "bad-2"), serviceIn("eu", "cart", "cart-2")}
	equal(t, "fourth pass", lines(r.pass(t)), []string{
		"eu bad: bad-2 is a release now", "eu cart: cart-2 has no traffic; it is a release already", "us cart: cart-1 serves",
	})
	equal(t, "adopted", r.adopted, []string{"cart", "bad"})
}
