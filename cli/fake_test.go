package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// fake is a Serin in memory: what it is given it answers, and what it is sent it
// keeps.
type fake struct {
	applied rollout.ApplyResult
	release rollout.ReleaseStatus
	created rollout.CreateRequest
	renders []rollout.ReleaseStatus // what the release is when it is asked, one after the other
	first   string                  // the rollout that the lane numbers
	list    []client.Summary

	forbidden error // why there is no first rollout

	filter   client.Filter
	lane     rollout.LaneStatus
	observed rollout.Observed
	states   []client.Rollout // one after the other; a watch goes through all of them
	silent   bool             // a watch then waits for the end of its context
	err      error            // of every call
	index    rollout.Index
	lanes    []rollout.LaneStatus
	promotes client.Promotion
	made     rollout.Created
	store    *memory
	refuse   error // of commands
	watching []client.Watching
	sent     []string // what would change something
}

func (f *fake) Apply(_ context.Context, yaml []byte, actor string) (rollout.ApplyResult, error) {
	f.sent = append(f.sent, fmt.Sprintf("apply by %s\n%s", actor, yaml))
	return f.applied, f.err
}

func (f *fake) Index(context.Context) (rollout.Index, error) { return f.index, f.err }

func (f *fake) Suspend(_ context.Context, s rollout.Suspend) (rollout.ApplyResult, error) {
	f.sent = append(f.sent, fmt.Sprintf("suspend %+v", s))
	return f.applied, cmp.Or(f.refuse, f.err)
}

func (f *fake) Abandon(_ context.Context, a rollout.Abandon) error {
	f.sent = append(f.sent, fmt.Sprintf("abandon %+v", a))
	return cmp.Or(f.refuse, f.err)
}

func (f *fake) Destination(context.Context, string, string, string) (client.Promotion, error) {
	return f.promotes, f.err
}

func (f *fake) Promote(_ context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	return f.request("promote", pipeline, target, r)
}

func (f *fake) Rollback(_ context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	return f.request("rollback", pipeline, target, r)
}

func (f *fake) Redeploy(_ context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	return f.request("redeploy", pipeline, target, r)
}

func (f *fake) request(name, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	f.sent = append(f.sent, fmt.Sprintf("%s on %s of %s: %+v", name, target, pipeline, r))
	made := f.made
	if r.DryRun {
		made.Rollout = ""
	}
	return made, cmp.Or(f.refuse, f.err)
}

func (f *fake) Lanes(_ context.Context, filter client.Filter) ([]client.Summary, error) {
	f.filter = filter
	out := make([]client.Summary, len(f.lanes))
	for i, l := range f.lanes {
		out[i] = client.Summary{Pipeline: l.Pipeline, Target: l.Target}
	}
	return out, f.err
}

func (f *fake) CreateRelease(_ context.Context, r rollout.CreateRequest) (rollout.ReleaseStatus, error) {
	f.created = r
	f.sent = append(f.sent, fmt.Sprintf("create release %s %s images %v parameters %v %q by %s", r.Release, r.Pipeline, r.Images, r.Parameters, r.Description, r.Actor))
	s := f.release
	s.Release, s.Digest = r.Release, "sha256:request"
	return s, f.err
}

func (f *fake) Release(_ context.Context, _, release string) (rollout.ReleaseStatus, error) {
	if len(f.renders) > 0 {
		f.release, f.renders = f.renders[0], f.renders[1:]
	}
	s := f.release
	if f.created.Release == release {
		s.Release, s.Digest = release, "sha256:request"
	}
	return s, f.err
}

func (f *fake) Releases(_ context.Context, filter client.Filter) ([]client.Summary, error) {
	f.filter = filter
	return f.list, f.err
}

func (f *fake) WaitRollout(ctx context.Context, _, _, _ string) (string, error) {
	if f.forbidden != nil {
		return "", f.forbidden
	}
	if f.first == "" {
		return "", &rollout.Error{Op: "wait", Kind: rollout.Expired, Err: context.DeadlineExceeded}
	}
	return f.first, f.err
}

func (f *fake) Rollout(context.Context, string, string) (client.Rollout, error) {
	if f.err != nil {
		return client.Rollout{}, f.err
	}
	return f.states[len(f.states)-1], nil
}

func (f *fake) Rollouts(_ context.Context, filter client.Filter) ([]client.Summary, error) {
	f.filter = filter
	return f.list, f.err
}

func (f *fake) Watch(ctx context.Context, _, _ string, fn func(client.Rollout) error) error {
	if f.err != nil {
		return f.err
	}
	for i, r := range f.states {
		if err := fn(r); err != nil {
			return err
		}
		if r.Done() {
			f.states = f.states[min(i+1, len(f.states)-1):]
			return nil
		}
	}
	if f.silent {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (f *fake) Command(_ context.Context, pipeline, name, command string, cmd rollout.Command) (rollout.Ack, error) {
	f.sent = append(f.sent, fmt.Sprintf("%s %s of %s: %+v", command, name, pipeline, cmd))
	if err := cmp.Or(f.refuse, f.err); err != nil {
		return rollout.Ack{}, err
	}
	return rollout.Ack{Rollout: name, State: rollout.StateInProgress, Phase: cmd.Phase}, nil
}

func (f *fake) Observe(context.Context, rollout.Plan) (rollout.Observed, error) {
	return f.observed, f.err
}

func (f *fake) Lane(_ context.Context, pipeline, target string) (rollout.LaneStatus, error) {
	for _, l := range f.lanes {
		if l.Pipeline == pipeline && l.Target == target {
			return l, f.err
		}
	}
	if f.lane.Pipeline == "" {
		return f.lane, &rollout.Error{Op: "read lane", On: "shop on prod", Kind: rollout.NotFound}
	}
	return f.lane, nil
}

// memory is an artifact store that forgets what is put into it, and knows what it was made with.
type memory struct {
	puts int
	has  map[string]string // by digest or name
}

func (m *memory) Put(_ context.Context, content []byte) (string, error) {
	m.puts++
	return fmt.Sprintf("sha256:%d-bytes", len(content)), nil
}

func (m *memory) Get(ctx context.Context, digest string) ([]byte, error) {
	return m.GetNamed(ctx, digest)
}

func (m *memory) GetNamed(_ context.Context, name string) ([]byte, error) {
	content, ok := m.has[name]
	if !ok {
		return nil, &rollout.Error{Op: "artifact: get", On: name, Kind: rollout.NotFound, Err: errors.New("it is not in the store")}
	}
	return []byte(content), nil
}

func (m *memory) Close() error { return nil }

// start is when every rollout of these tests began.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// scene is a point in the life of one rollout.
type scene string

const (
	sceneCanary    scene = "canary"    // the first phase deploys
	sceneAdvance   scene = "advance"   // it waits for an advance to canary-50
	sceneTimer     scene = "timer"     // it soaks before canary-50
	sceneSucceeded scene = "succeeded" // it ended well
	sceneFailed    scene = "failed"    // canary-50 failed; the restore still runs
	sceneRestored  scene = "restored"
	sceneDrift     scene = "drift" // somebody changed the split
)

func plan() rollout.Plan {
	jobs := []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify, Disabled: true}}
	return rollout.Plan{
		APIVersion: rollout.APIVersionSerin, Pipeline: "shop", Release: "v2", OnFailure: rollout.OnFailureRestore,
		Digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", Target: rollout.Target{Name: "prod"},
		Phases: []rollout.Phase{
			{ID: "canary-25", Weight: 25, Jobs: jobs},
			{ID: "canary-50", Weight: 50, Jobs: jobs},
			{ID: "stable", Weight: 100, Jobs: jobs},
		},
	}
}

// events are what has happened up to the scene, a minute apart.
func (s scene) events() []rollout.Event {
	split := func(w rollout.Weight) rollout.Split {
		return rollout.Split{{Revision: "shop-2", Percent: w}, {Revision: "shop-1", Percent: 100 - w}}
	}
	shift := func(phase string, w rollout.Weight) []rollout.Event {
		return []rollout.Event{
			{Kind: rollout.EventShifted, Phase: phase, Weight: &w, Split: split(w), Revision: "shop-2", URL: "https://shop.example"},
			{Kind: rollout.EventJobSucceeded, Phase: phase, Job: rollout.JobDeploy},
		}
	}
	begin := func(phase string) rollout.Event {
		return rollout.Event{Kind: rollout.EventJobStarted, Phase: phase, Job: rollout.JobDeploy, Attempt: 1}
	}
	out := []rollout.Event{
		{Kind: rollout.EventCreated, Note: "v2-to-prod-0001", Actor: "ada"},
		{Kind: rollout.EventGranted},
		{Kind: rollout.EventBaseline, Split: split(0), Note: "sha256:baseline"},
		{Kind: rollout.EventSettled, Split: split(0), Revision: "shop-1"},
		begin("canary-25"),
	}
	if s == sceneCanary {
		return out
	}
	out = append(out, shift("canary-25", 25)...)
	advance := "serin rollout advance --pipeline shop --rollout v2-to-prod-0001 --phase canary-50"
	cancel := "serin rollout cancel --pipeline shop --rollout v2-to-prod-0001"
	switch s {
	case sceneAdvance:
		return append(out, waits(rollout.Waiting{For: rollout.WaitAdvance, Reason: "canary-50 begins on an advance", Commands: []string{advance, cancel}}))
	case sceneTimer:
		return append(out, waits(rollout.Waiting{
			For: rollout.WaitTimer, Reason: "advances to canary-50 by itself", Until: start().Add(time.Hour), Commands: []string{advance},
		}))
	case sceneDrift:
		return append(out, begin("canary-50"), waits(rollout.Waiting{
			For: rollout.WaitPerson, Reason: "eve@shop.example changed the split to shop-1 100%; it was shop-1 75%, shop-2 25%",
			Commands: []string{"serin rollout resume --pipeline shop --rollout v2-to-prod-0001", cancel},
		}))
	default:
	}
	out = append(out, rollout.Event{Kind: rollout.EventAdvanced, Phase: "canary-50", Actor: "ada", Reason: "error rate is flat"}, begin("canary-50"))
	failed := rollout.Event{
		Kind: rollout.EventJobFailed, Phase: "canary-50", Job: rollout.JobDeploy,
		Note: "cloudRun: set weight projects/shop/locations/europe-west1/services/shop: permission run.services.update denied",
	}
	switch s {
	case sceneFailed:
		return append(out, failed)
	case sceneRestored:
		return append(out, failed, rollout.Event{Kind: rollout.EventRestored, Split: split(0)}, rollout.Event{Kind: rollout.EventFailed})
	default:
	}
	out = append(out, shift("canary-50", 50)...)
	out = append(out, begin("stable"))
	out = append(out, shift("stable", 100)...)
	return append(out, rollout.Event{Kind: rollout.EventEnded, State: rollout.StateSucceeded})
}

func waits(w rollout.Waiting) rollout.Event {
	return rollout.Event{Kind: rollout.EventWaiting, Waiting: &w}
}

// now is when the newest event of the scene happened.
func (s scene) now() time.Time { return start().Add(time.Duration(len(s.events())-1) * time.Minute) }

func (s scene) rollout() client.Rollout {
	r := client.Rollout{Status: rollout.NewStatus("v2-to-prod-0001", plan()), Open: true}
	for i, e := range s.events() {
		e.Time = start().Add(time.Duration(i) * time.Minute)
		if e.Waiting != nil {
			e.Waiting.Since = e.Time
		}
		r.Apply(e)
	}
	switch s {
	case sceneCanary:
		r.Progress = []client.Progress{{
			Activity: "Deploy", Attempt: 2, Detail: "revision shop-2: containers are starting", Since: s.now(),
			LastFailure: "cloudRun: get shop: 503",
		}}
	case sceneFailed:
		r.Progress = []client.Progress{{Activity: "Restore", Attempt: 1, Since: s.now()}}
	case sceneSucceeded:
		r.Open = false
	default:
	}
	return r
}

func scenes(all ...scene) []client.Rollout {
	out := make([]client.Rollout, len(all))
	for i, s := range all {
		out[i] = s.rollout()
	}
	return out
}

// at returns an app over f whose clock stands still, and which never waits.
func at(t *testing.T, f *fake, now time.Time) *app {
	t.Helper()
	done := make(chan time.Time)
	close(done)
	return &app{
		now:  func() time.Time { return now },
		tick: func(time.Duration) <-chan time.Time { return done },
		size: func() (int, int) { return 100, 40 },
		dial: func(context.Context, client.Options, client.Store) (*server, error) {
			return &server{config: f, releases: f, rollouts: f, command: f, targets: f, lanes: f, watches: f, watchList: f, close: func() {}}, nil
		},
		store: func(context.Context, string) (artifacts, error) { return cmp.Or(f.store, &memory{}), nil },
	}
}
