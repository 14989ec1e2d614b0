package analysis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Alerts looks for open alerts. Its errors have the kinds of an Analyzer's.
type Alerts interface {
	// Open returns which alert of c is open, "" if none is. since is when the analysis began.
	Open(ctx context.Context, c rollout.AlertCheck, since time.Time) (reason string, err error)
}

// Errors looks for groups of errors that there were not before. Its errors have the kinds of an
// Analyzer's.
type Errors interface {
	// New returns which group was first seen on revision of service, "" if none was. since is
	// when the analysis began.
	New(ctx context.Context, c rollout.ErrorCheck, service, revision string, since time.Time) (reason string, err error)
}

// Asker asks webhooks. Its errors have the kinds of an Analyzer's.
type Asker interface {
	// Ask returns whether the answer of h is a yes.
	Ask(ctx context.Context, h rollout.Webhook, w activities.Work) (bool, error)
}

// Options are what an Activities needs. A check whose part is nil is refused as Unsupported.
type Options struct {
	Platforms map[rollout.Runtime]activities.Platform
	Artifacts activities.Artifacts

	Analyzer activities.Analyzer
	Alerts   Alerts
	Errors   Errors
	Asker    Asker

	// Env is what Serin tells the containers of custom checks; nil is nothing.
	Env func(r activities.JobRequest) map[string]string
	// Patience is how long a server may not answer before Analyze says so; 0 is DefaultPatience.
	Patience time.Duration
}

// DefaultPatience is how long an outage may last before the rollout says what it waits for.
const DefaultPatience = 10 * time.Second

// Activities has the activity Analyze, registered by its name.
type Activities struct{ o Options }

// New returns the activity over the given parts.
func New(o Options) *Activities {
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	return &Activities{o: o}
}

// Analyze watches the release of r for the duration of its spec, from the first attempt on: the
// time in which no worker ran, or a server did not answer, does not count. What is wrong
// with the release, or with a query, is a verdict; an error means that it could not begin.
//
// A later attempt goes on with the samples that the heartbeats have kept.
func (a *Activities) Analyze(ctx context.Context, r activities.JobRequest) (activities.JobResult, error) {
	beat := activities.StartPulse(ctx)
	defer beat.End()
	w, err := a.begin(ctx, r)
	if err != nil {
		return activities.JobResult{}, activities.Application(err)
	}
	w.beat = beat
	res, err := w.run(ctx)
	return res, activities.Application(err)
}

// begin reads the spec, finds out what it speaks of, and continues an earlier attempt.
func (a *Activities) begin(ctx context.Context, r activities.JobRequest) (*watch, error) {
	spec, err := a.load(ctx, r)
	if err != nil {
		return nil, err
	}
	names, err := a.words(ctx, r.Work)
	if err != nil {
		return nil, err
	}
	w := newWatch(a.o, r, *spec)
	if w.checks, err = a.checks(w, names); err != nil {
		return nil, err
	}
	if err := w.resume(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

func (a *Activities) load(ctx context.Context, r activities.JobRequest) (*rollout.Analysis, error) {
	content, err := a.o.Artifacts.Get(ctx, r.Spec)
	if err != nil {
		return nil, err
	}
	var spec rollout.JobSpec
	if err := json.Unmarshal(content, &spec); err != nil {
		return nil, fail(r.Work, rollout.Corrupt, fmt.Errorf("its spec %s: %w", r.Spec, err))
	}
	if spec.Analysis == nil {
		return nil, fail(r.Work, rollout.Invalid, fmt.Errorf("its spec %s holds no analysis", r.Spec))
	}
	return spec.Analysis, nil
}

// checks returns those of the spec, in its order.
func (a *Activities) checks(w *watch, names words) ([]*check, error) {
	var out []*check
	for _, add := range []func(*watch, words) ([]*check, error){a.queries, a.alerts, a.errors, a.custom, a.webhooks} {
		more, err := add(w, names)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// lacks is the error of a check that this worker cannot make.
func (w *watch) lacks(id, what string) error {
	return &rollout.Error{
		Op: "analyze", On: w.r.Work.Rollout + ": check " + id, Kind: rollout.Unsupported,
		Err: errors.New("this worker " + what), Fix: "remove the check, or run a worker that can",
	}
}

func fail(w activities.Work, kind rollout.Kind, err error) error {
	return &rollout.Error{Op: "analyze", On: w.Rollout + " in " + w.Phase, Kind: kind, Err: err}
}
