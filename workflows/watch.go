package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// adopting is how many services of a pass are worked on at a time.
const adopting = 20

// pass is one look at all services of a watch.
type pass struct {
	status rollout.WatchStatus
	before rollout.WatchStatus // what the pass before has left
	slots  workflow.Semaphore
}

// Watch is one pass: it asks every region which services there are, and has a release made of each
// new revision without traffic. Regions and services are independent of each other; what goes wrong
// with one is in the result, which is also what the next pass remembers. It writes to no service: its
// releases' rollouts do.
func Watch(ctx workflow.Context, w rollout.Watch) (rollout.WatchStatus, error) {
	p := &pass{
		status: rollout.WatchStatus{Watch: w, Started: workflow.Now(ctx).UTC()},
		slots:  workflow.NewSemaphore(ctx, adopting),
	}
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.WatchStatus, error) { return p.status, nil }); err != nil {
		return p.status, err
	}
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &p.before); err != nil {
			return p.status, err
		}
	}
	all := workflow.NewWaitGroup(ctx)
	for _, region := range w.Regions {
		all.Add(1)
		workflow.GoNamed(ctx, region, func(ctx workflow.Context) {
			defer all.Done()
			p.region(ctx, w.Location(region))
		})
	}
	all.Wait(ctx)
	p.status.Sort()
	p.status.Ended = workflow.Now(ctx).UTC()
	p.show(ctx)
	return p.status, ctx.Err()
}

// region looks at one location. Where it cannot, its services are as the pass before has seen them.
func (p *pass) region(ctx workflow.Context, location string) {
	w := p.status.Watch
	actx := workflow.WithActivityOptions(ctx, watching(w.TaskQueue, "which services are in "+location+"?"))
	var res activities.DiscoverResult
	err := workflow.ExecuteActivity(actx, activities.Discover, activities.DiscoverRequest{
		Location: location, Endpoint: w.Endpoint, Label: w.Label,
	}).Get(ctx, &res)
	if err != nil {
		p.status.Failures = append(p.status.Failures, location+": "+said(err, w.TaskQueue))
		for _, s := range p.before.Services {
			if s.Location == location {
				p.status.Services = append(p.status.Services, s)
			}
		}
		return
	}
	all := workflow.NewWaitGroup(ctx)
	for _, found := range res.Services {
		p.status.Services = append(p.status.Services, p.known(found))
		this := p.status.Service(location, found.Service)
		if this.Seen(found) == "" {
			continue
		}
		all.Add(1)
		workflow.GoNamed(ctx, found.Service, func(ctx workflow.Context) {
			defer all.Done()
			p.adopt(ctx, found)
		})
	}
	all.Wait(ctx)
}

// known is what the pass before has left of a service.
func (p *pass) known(f rollout.FoundService) rollout.WatchedService {
	if s := p.before.Service(f.Location, f.Service); s != nil {
		return *s
	}
	return rollout.WatchedService{Location: f.Location, Service: f.Service}
}

// adopt has a release made of a service's newest revision.
func (p *pass) adopt(ctx workflow.Context, f rollout.FoundService) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return
	}
	defer p.slots.Release(1)
	actx := workflow.WithActivityOptions(ctx, watching(rollout.DefaultTaskQueue, "release "+f.Ready))
	var res activities.AdoptResult
	err := workflow.ExecuteActivity(actx, activities.Adopt, activities.AdoptRequest{Watch: p.status.Watch, Service: f}).Get(ctx, &res)
	s := p.status.Service(f.Location, f.Service) // others have joined the list since
	if err != nil {
		s.Error, s.Failed = said(err, rollout.DefaultTaskQueue), workflow.Now(ctx).UTC()
		s.Says = f.Ready + " could not be made a release"
		return
	}
	s.Pipeline, s.Release, s.Error, s.Failed = res.Pipeline, res.Release, "", time.Time{}
	s.Says = f.Ready + " is a release already"
	if res.Made {
		s.Says = f.Ready + " is a release now"
	}
}

// watching bounds an activity of a pass: what is not done then is the next pass's.
func watching(queue, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue: queue, Summary: summary,
		ScheduleToStartTimeout: time.Minute,
		StartToCloseTimeout:    2 * time.Minute,
		ScheduleToCloseTimeout: 5 * time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 3},
	}
}

// said is why an activity of a pass has failed.
func said(err error, queue string) string {
	if activities.NoWorker(err) {
		return "no worker polls task queue " + queue
	}
	_, text := activities.Cause(err)
	return text
}

// show tells in the Web UI how it stands.
func (p *pass) show(ctx workflow.Context) {
	b := fmt.Appendf(nil, "%d services\n", len(p.status.Services))
	for _, f := range p.status.Failures {
		b = fmt.Appendf(b, "\n**%s**\n", f)
	}
	for _, s := range p.status.Services {
		b = fmt.Appendf(b, "\n* %s in %s: %s", s.Service, s.Location, s.Says)
		if s.Error != "" {
			b = fmt.Appendf(b, " (%s)", s.Error)
		}
		if len(b) > maxDetails {
			b = append(b, "\n* and more"...)
			break
		}
	}
	workflow.SetCurrentDetails(ctx, string(b))
}

// maxDetails bounds what is shown, in bytes.
const maxDetails = 16 << 10
