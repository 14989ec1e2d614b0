package fake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Serve makes a service that somebody else deployed: revision is ready and has
// all requests. The name is "TARGET/SERVICE".
func (p *Platform) Serve(name, revisionName string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &service{revisions: map[string]*revision{revisionName: {ready: true}}, generation: 1, by: "somebody"}
	s.serve(rollout.Split{{Revision: revisionName, Percent: 100}})
	p.services[name] = s
	p.broadcast()
}

// Hold keeps revisions of the release, on every target, from becoming ready.
func (p *Platform) Hold(release string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[release] = true
}

// MakeReady ends Hold, and makes what it held ready.
func (p *Platform) MakeReady(release string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, release)
	for _, s := range p.services {
		for _, r := range s.revisions {
			if r.release == release && r.failure == "" {
				r.ready = true
			}
		}
		s.settle()
	}
	p.broadcast()
}

// Fail lets the platform give up on revisions of the release, made or held, with
// reason. An empty reason ends that for revisions made later.
func (p *Platform) Fail(release, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failing[release] = reason
	for _, s := range p.services {
		s.fail(release, reason)
	}
	p.broadcast()
}

// FailAt is Fail at one target.
func (p *Platform) FailAt(target, release, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failing[target+"/"+release] = reason
	for name, s := range p.services {
		if strings.HasPrefix(name, target+"/") {
			s.fail(release, reason)
		}
	}
	p.broadcast()
}

func (s *service) fail(release, reason string) {
	for _, r := range s.revisions {
		if r.release == release && reason != "" {
			r.ready, r.failure = false, reason
		}
	}
}

// Fault lets the next times calls of a method of Platform, such as "SetWeight",
// return err and do nothing.
func (p *Platform) Fault(method string, err error, times int) {
	p.order(method, fault{err: err}, times)
}

// Lose lets the next call of a method do its work and return a Transient error: a
// write whose answer was lost.
func (p *Platform) Lose(method string) {
	err := &rollout.Error{Op: "fake: " + method, Kind: rollout.Transient, Err: errors.New("connection reset")}
	p.order(method, fault{err: err, after: true}, 1)
}

// Mend takes back every Fault and Lose that has not happened yet.
func (p *Platform) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.faults)
}

func (p *Platform) order(method string, f fault, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[method] = append(p.faults[method], slices.Repeat([]fault{f}, times)...)
}

// Drift lets somebody else change a service's split. Revisions of the split that
// do not exist are made.
func (p *Platform) Drift(name, by string, split rollout.Split) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[name]
	for _, share := range split {
		if s.revisions[share.Revision] == nil {
			s.revisions[share.Revision] = &revision{ready: true}
		}
	}
	s.generation++
	s.by = by
	s.serve(split)
	p.broadcast()
}

// Path returns the commands that changed a service, in order, such as "deploy
// shop-v2" and "set weight shop-v1 75%, shop-v2 25%".
func (p *Platform) Path(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.services[name]; s != nil {
		return slices.Clone(s.path)
	}
	return nil
}

// Splits returns every split that a service had, in order.
func (p *Platform) Splits(name string) []rollout.Split {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.services[name]; s != nil {
		return slices.Clone(s.splits)
	}
	return nil
}

// Writes returns how many commands changed something.
func (p *Platform) Writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

var _ activities.Artifacts = (*Artifacts)(nil)

// Artifacts is an artifact store in memory. Its zero value is empty and ready.
type Artifacts struct {
	mu      sync.Mutex
	content map[string][]byte
}

// Put stores content under its digest.
func (a *Artifacts) Put(_ context.Context, content []byte) (string, error) {
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.content == nil {
		a.content = map[string][]byte{}
	}
	a.content[digest] = slices.Clone(content)
	return digest, nil
}

// Get returns the content of digest, or NotFound.
func (a *Artifacts) Get(_ context.Context, digest string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	content, ok := a.content[digest]
	if !ok {
		return nil, &rollout.Error{Op: "fake: get artifact", On: digest, Kind: rollout.NotFound, Err: errors.New("nothing is stored under it")}
	}
	return slices.Clone(content), nil
}
