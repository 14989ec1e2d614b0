package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	api "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// path is one way that releases can go. It has a pipeline and a service of its own,
// both named after it.
type path struct {
	name  string
	extra string // of canaryDeployment
	edit  func(*world.Configuration)
	yaml  func(*player) []byte // the whole configuration; nil is config's
	first string               // the release that serves before; "" is none
	play  func(*player) error
}

// player plays a path.
type player struct {
	*site
	ctx    context.Context
	name   string
	config world.Configuration

	since time.Time // of the write that hangs
}

// play applies the path's pipeline, lets the first release serve, and plays.
func (s *site) play(ctx context.Context, p path) error {
	c := world.Configuration{
		Pipeline: p.name, Endpoint: s.Run.URL(), Canary: world.Percentages([]int{25, 50}, p.extra),
	}
	if p.edit != nil {
		p.edit(&c)
	}
	pl := &player{site: s, ctx: ctx, name: p.name, config: c}
	yaml := c.YAML()
	if p.yaml != nil {
		yaml = p.yaml(pl)
	}
	if err := pl.apply(yaml); err != nil {
		return err
	}
	if p.first != "" {
		if err := pl.release(p.first); err != nil {
			return err
		}
		if err := pl.until(p.first, in(rollout.StateSucceeded)); err != nil {
			return err
		}
	}
	return p.play(pl)
}

// steps runs one after another until one fails.
func steps(all ...func() error) error {
	for i, do := range all {
		if err := do(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// suspend applies the pipeline, suspended or not.
func (p *player) suspend(suspended bool) error {
	p.config.Suspended = suspended
	return p.apply(p.config.YAML())
}

func (p *player) apply(yaml []byte) error {
	_, err := p.Client.Apply(p.ctx, yaml, "ann")
	return err
}

// rollout returns the name of a release's rollout.
func (p *player) rollout(release string) string { return rollout.Name(release, p.name+"-prod", 1) }

// release makes a release and waits until its rollout is there.
func (p *player) release(release string) error {
	if _, err := p.Release(p.ctx, p.name, release, p.name, p.name+"/"+release); err != nil {
		return err
	}
	_, err := p.Client.WaitRollout(p.ctx, p.name, release, p.name+"-prod")
	return err
}

// command sends a command; v2 is what every path is about.
func (p *player) command(command string, c rollout.Command) error {
	return p.commandTo(p.rollout("v2"), command, c)
}

// commandTo sends a command to any rollout, as ann where it names nobody.
func (p *player) commandTo(name, command string, c rollout.Command) error {
	c.Actor = cmp.Or(c.Actor, "ann")
	_, err := p.Client.Command(p.ctx, p.name, name, command, c)
	return err
}

// refused sends a command that must be refused.
func (p *player) refused(command string, c rollout.Command) error {
	if err := p.command(command, c); rollout.KindOf(err) != rollout.Refused {
		return fmt.Errorf("%s was not refused: %w", command, err)
	}
	return nil
}

// signal sends a command as a signal, which has no answer.
func (p *player) signal(command string, c rollout.Command) error {
	c.Actor = cmp.Or(c.Actor, "ann")
	return p.Temporal.SignalWorkflow(p.ctx, rollout.RolloutID(p.name, p.rollout("v2")), "", command, c)
}

// until watches the first rollout of a release until it is as wanted.
func (p *player) until(release string, wanted func(client.Rollout) bool) error {
	return p.watch(p.rollout(release), wanted)
}

// watch is until for any rollout.
func (p *player) watch(name string, wanted func(client.Rollout) bool) error {
	var last client.Rollout
	reached := errors.New("reached")
	err := p.Client.Watch(p.ctx, p.name, name, func(r client.Rollout) error {
		if last = r; wanted(r) {
			return reached
		}
		return nil
	})
	if errors.Is(err, reached) {
		return nil
	}
	return fmt.Errorf("%s is %s (%+v) %s: %w", name, last.State, last.Waiting, last.Failure, err)
}

// advance lets the phases of v2 begin one after another, each when it is waited for.
func (p *player) advance(phases ...string) error {
	for _, phase := range phases {
		if err := p.until("v2", waitsForAdvance(phase)); err != nil {
			return err
		}
		if err := p.command(rollout.CommandAdvance, rollout.Command{Phase: phase}); err != nil {
			return err
		}
	}
	return nil
}

// closed waits until a workflow is closed, however.
func (p *player) closed(id string) error {
	_ = p.Temporal.GetWorkflow(p.ctx, id, "").Get(p.ctx, nil) // how it ended is in the history
	return p.ctx.Err()
}

// ended waits until v2's rollout is closed in the given state, and keeps its history as
// rollout-<path>.
func (p *player) ended(state rollout.State) func() error {
	return func() error {
		return p.over(p.rollout("v2"), state, "rollout-"+p.name)
	}
}

// over waits until any rollout is closed in the given state, and keeps its history under a name.
func (p *player) over(name string, state rollout.State, file string) error {
	id := rollout.RolloutID(p.name, name)
	return steps(
		func() error { return p.closed(id) },
		func() error { return p.watch(name, in(state)) },
		func() error { return p.files.keep(p.ctx, file, id) },
	)
}

// keepLane keeps the history of the lane of a target once it has no holder.
func (p *player) keepLane(target, file string) error {
	id := rollout.LaneID(p.name, target)
	return steps(
		func() error {
			return p.follow(id, func() (bool, error) {
				lane, err := p.Client.Lane(p.ctx, p.name, target)
				return err == nil && lane.Holder == "" && len(lane.Queue) == 0, err
			})
		},
		func() error { return p.files.keep(p.ctx, file, id) },
	)
}

// follow waits until ready says so, which it is asked whenever the workflow has taken a step.
func (p *player) follow(id string, ready func() (bool, error)) error {
	events := p.Temporal.GetWorkflowHistory(p.ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return fmt.Errorf("follow %s: %w", id, err)
		}
		if e.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			continue
		}
		if done, err := ready(); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("follow %s: it has ended otherwise", id)
}

// deny refuses the next write to the path's service.
func (p *player) deny() error {
	_, err := p.Run.Inject(cloudruntest.Fault{
		Kind: cloudruntest.PermissionDenied, Method: http.MethodPatch, Path: "/v2/" + p.Service(p.name), Times: 1,
	})
	return err
}

// drift gives every request to one revision, as somebody else: to the one that serves
// most, or the one that serves least.
func (p *player) drift(to func(a, b int64) int) func() error {
	return func() error {
		service := p.Service(p.name)
		shares := p.Run.Shares(service)
		revision := slices.MaxFunc(slices.Sorted(maps.Keys(shares)), func(a, b string) int { return to(shares[a], shares[b]) })
		return p.Run.ExternalPatch(service, func(s *api.GoogleCloudRunV2Service) {
			s.Traffic = []*api.GoogleCloudRunV2TrafficTarget{{
				Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: revision, Percent: 100,
			}}
		}, "eve@example.com")
	}
}

func most(a, b int64) int { return cmp.Compare(a, b) }

func least(a, b int64) int { return cmp.Compare(b, a) }

func in(state rollout.State) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return r.State == state }
}

func waitsFor(what rollout.WaitFor) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return r.Waiting != nil && r.Waiting.For == what }
}

func waitsForAdvance(phase string) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		next, _ := r.NextPhase()
		return waitsFor(rollout.WaitAdvance)(r) && next != nil && next.ID == phase
	}
}

func happened(kind rollout.EventKind) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		for _, e := range r.Events {
			if e.Kind == kind {
				return true
			}
		}
		return false
	}
}

// google makes a pipeline one of Cloud Deploy; its target keeps the extension that
// names the endpoint.
func google(c *world.Configuration) { c.APIVersion = rollout.APIVersionGoogle }

// hold leaves the traffic where it is when a phase fails.
func hold(c *world.Configuration) { c.Canary = "onFailure: hold\n" + c.Canary }
