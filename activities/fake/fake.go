// Package fake is a platform in memory that passes the laws of providertest. It
// needs no time: what is deployed is ready at once, unless a test holds it. So
// tests of workflows run it in Temporal's test environment.
package fake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

var _ activities.Platform = (*Platform)(nil)

// Identity is who the platform says has made a change, unless Drift said another.
const Identity = "serin@fake"

// Platform holds any number of services. A service is named "TARGET/SERVICE",
// where SERVICE is the plan's Cloud Run service or else the pipeline. The
// revision of a release is SERVICE-RELEASE; where that failed, a retry makes
// SERVICE-RELEASE-ATTEMPT. A custom canary's split is its weight.
// It is safe for concurrent use.
type Platform struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	services map[string]*service
	held     map[string]bool   // by release
	failing  map[string]string // reason by release, or by TARGET/RELEASE
	faults   map[string][]fault
	writes   int
}

type service struct {
	split      rollout.Split // served
	pending    rollout.Split // asked for while nothing can serve; nil else
	revisions  map[string]*revision
	generation int64
	by         string
	pipeline   string // stamps
	rollout    string
	path       []string
	splits     []rollout.Split
}

type revision struct {
	release string
	attempt int // that made it
	ready   bool
	failure string
}

// fault is what one call of a method ends with.
type fault struct {
	err   error
	after bool // the call does its work first
}

// New returns a platform on which nothing is deployed.
func New() *Platform {
	return &Platform{
		changed: make(chan struct{}), services: map[string]*service{}, held: map[string]bool{},
		failing: map[string]string{}, faults: map[string][]fault{},
	}
}

// Name returns the name of w's service, "TARGET/SERVICE".
func Name(w activities.Work) string { return w.Target.Name + "/" + short(w) }

// Revision returns the name of the revision of w's release at its first attempt.
func Revision(w activities.Work) string { return short(w) + "-" + w.Release }

// own returns the name of the release's revision: what did not fail is used again,
// else a retry of what failed has a name of its own.
func (s *service) own(w activities.Work) string {
	base := Revision(w)
	if s == nil {
		return base
	}
	for _, n := range slices.Sorted(maps.Keys(s.revisions)) {
		if r := s.revisions[n]; r.release == w.Release && r.failure == "" {
			return n
		}
	}
	if r := s.revisions[base]; r != nil && r.attempt < w.Attempt {
		return fmt.Sprintf("%s-%d", base, w.Attempt)
	}
	return base
}

func short(w activities.Work) string {
	if w.CloudRun != nil {
		return w.CloudRun.Service
	}
	return w.Pipeline
}

// Observe returns what serves now.
func (p *Platform) Observe(ctx context.Context, w activities.Work) (rollout.Observed, error) {
	var o rollout.Observed
	err := p.call(ctx, "Observe", func() error { o = p.observe(w); return nil })
	return o, err
}

func (p *Platform) observe(w activities.Work) rollout.Observed {
	s := p.services[Name(w)]
	o := rollout.Observed{Revision: s.own(w), Settled: true, StableReady: w.Stable == ""}
	if s == nil {
		return o
	}
	o.Exists, o.Split = true, clone(s.split)
	o.Generation, o.By, o.URL = s.generation, s.by, "http://"+short(w)+".fake"
	if r := s.revisions[o.Revision]; r != nil {
		o.Ready, o.Failure = r.ready, r.failure
	}
	if r := s.revisions[w.Stable]; r != nil {
		o.StableReady = r.ready
	}
	for name, r := range s.revisions {
		if !r.ready && r.failure == "" {
			o.Settled, o.Progress = false, "revision "+name+" is starting"
		}
	}
	return o
}

// Changed returns at once if something differs from since already.
func (p *Platform) Changed(ctx context.Context, w activities.Work, since rollout.Observed) error {
	for {
		var changed chan struct{}
		same := false
		err := p.call(ctx, "Changed", func() error {
			same, changed = equal(p.observe(w), since), p.changed
			return nil
		})
		if err != nil || !same {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// equal compares as JSON: since may have been through it, which makes empty lists nil.
func equal(a, b rollout.Observed) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// Next returns the release's share and the rest for w.Stable, with w's tags.
func (p *Platform) Next(ctx context.Context, w activities.Work) (rollout.Split, error) {
	var split rollout.Split
	err := p.call(ctx, "Next", func() (err error) {
		split, err = next(w, p.services[Name(w)].own(w))
		return err
	})
	return split, err
}

func next(w activities.Work, own string) (rollout.Split, error) {
	switch {
	case !w.Weight.Valid():
		return nil, fail("plan the split of", w, rollout.Invalid, "weight %d is not from 0 to 100", w.Weight)
	case w.Stable == "" && w.Weight == 0:
		return nil, nil
	case w.Stable == "" && w.Weight < 100:
		return nil, fail("plan the split of", w, rollout.Invalid, "nothing serves that could take the other %d%%", 100-w.Weight)
	case w.Stable == own:
		return rollout.Split{{Revision: w.Stable, Percent: 100}}, nil
	}
	var tags rollout.CloudRun
	if w.CloudRun != nil {
		tags = *w.CloudRun
	}
	ownTags, prior := tags.CanaryTags, tags.PriorTags
	if w.Promotion && w.Weight == 100 {
		ownTags, prior = tags.StableTags, nil
	}
	var out rollout.Split
	if w.Weight > 0 {
		out = append(out, rollout.Share{Revision: own, Percent: w.Weight, Tags: ownTags})
	}
	if w.Weight < 100 {
		out = append(out, rollout.Share{Revision: w.Stable, Percent: 100 - w.Weight, Tags: prior})
	}
	return out, nil
}

// Record returns the split and the revisions as JSON.
func (p *Platform) Record(ctx context.Context, w activities.Work) ([]byte, error) {
	var b []byte
	err := p.call(ctx, "Record", func() (err error) {
		if s := p.services[Name(w)]; s != nil {
			b, err = json.Marshal(s.split)
		}
		return err
	})
	return b, err
}

// Check finds another pipeline's stamp and a stable revision that is gone.
func (p *Platform) Check(ctx context.Context, w activities.Work) ([]rollout.Problem, error) {
	var found []rollout.Problem
	err := p.call(ctx, "Check", func() error {
		s := p.services[Name(w)]
		if err := owned("check", w, s); err != nil {
			found = append(found, rollout.Problem{Path: Name(w), Text: err.Error()})
		}
		if w.Stable != "" && (s == nil || s.revisions[w.Stable] == nil) {
			found = append(found, rollout.Problem{Path: Name(w), Text: "revision " + w.Stable + " does not exist"})
		}
		return nil
	})
	return found, err
}

// call runs do, or what Fault has ordered instead.
func (p *Platform) call(ctx context.Context, method string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.take(method); ok {
		if f.after {
			return cmp.Or(do(), f.err)
		}
		return f.err
	}
	return do()
}

func (p *Platform) take(method string) (fault, bool) {
	list := p.faults[method]
	if len(list) == 0 {
		return fault{}, false
	}
	p.faults[method] = list[1:]
	return list[0], true
}

func fail(op string, w activities.Work, kind rollout.Kind, format string, args ...any) error {
	return &rollout.Error{Op: "fake: " + op, On: Name(w), Kind: kind, Err: fmt.Errorf(format, args...)}
}

func clone(s rollout.Split) rollout.Split {
	out := slices.Clone(s)
	for i := range out {
		out[i].Tags = append([]string(nil), out[i].Tags...) // nil when empty
	}
	return out
}
