package prometheus

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// mostShared bounds the answers that are kept.
const mostShared = 4096

// Shared returns an Analyzer that asks the same question once, however many rollouts ask it at
// the same time or within its interval. The same question is the same text to the same server
// with the same headers and references to credentials.
//
// An answer is given again for nine tenths of the interval from when it was asked: so whoever
// asks at each interval always gets a newer one. One that was asked before Query.After is not given.
// Errors are not kept.
func Shared(a activities.Analyzer) activities.Analyzer {
	return &shared{next: a, answers: map[[sha256.Size]byte]*shot{}}
}

type shared struct {
	next activities.Analyzer

	mu      sync.Mutex
	answers map[[sha256.Size]byte]*shot
}

// shot is one question that is being asked, or its answer once done is closed.
type shot struct {
	asked  time.Time
	until  time.Time // nobody who asks at the shortest interval wants it afterwards
	done   chan struct{}
	sample rollout.Sample
	err    error
}

// Measure is as its Analyzer's.
func (s *shared) Measure(ctx context.Context, q rollout.Query) (rollout.Sample, error) {
	key, err := keyOf(q)
	if err != nil {
		return rollout.Sample{}, fail(q, rollout.Invalid, err, "")
	}
	shot := s.find(ctx, key, q)
	select {
	case <-ctx.Done():
		return rollout.Sample{}, ctx.Err()
	case <-shot.done:
		return shot.sample, shot.err
	}
}

// find returns what answers q: a shot that is young enough, or a new one.
func (s *shared) find(ctx context.Context, key [sha256.Size]byte, q rollout.Query) *shot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	valid := q.Interval - q.Interval/10
	if old := s.answers[key]; old != nil && (old.running() || now.Sub(old.asked) < valid) && !old.asked.Before(q.After) {
		return old
	}
	s.makeRoom(now)
	made := &shot{asked: now, until: now.Add(valid), done: make(chan struct{})}
	s.answers[key] = made
	go s.ask(context.WithoutCancel(ctx), key, made, q) // others may wait for it when ctx ends; it ends by the query's timeout
	return made
}

func (s *shared) ask(ctx context.Context, key [sha256.Size]byte, made *shot, q rollout.Query) {
	made.sample, made.err = s.next.Measure(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if made.err != nil && s.answers[key] == made {
		delete(s.answers, key)
	}
	close(made.done)
}

func (o *shot) running() bool {
	select {
	case <-o.done:
		return false
	default:
		return true
	}
}

// makeRoom forgets what nobody wants any more, and the oldest answer if that is not enough.
// Questions that are being asked stay.
func (s *shared) makeRoom(now time.Time) {
	if len(s.answers) < mostShared {
		return
	}
	var oldest [sha256.Size]byte
	var age time.Duration = -1
	for key, each := range s.answers {
		switch {
		case each.running():
		case now.After(each.until):
			delete(s.answers, key)
		case now.Sub(each.asked) > age:
			oldest, age = key, now.Sub(each.asked)
		}
	}
	if len(s.answers) >= mostShared && age >= 0 {
		delete(s.answers, oldest)
	}
}

// keyOf names a question. It holds references to secrets, never one.
func keyOf(q rollout.Query) ([sha256.Size]byte, error) {
	same := rollout.Query{Text: q.Text, Prometheus: rollout.Prometheus{
		Address: q.Prometheus.Address, Headers: q.Prometheus.Headers, Auth: q.Prometheus.Auth, Timeout: q.Prometheus.Timeout,
	}}
	text, err := json.Marshal(same)
	return sha256.Sum256(text), err
}
