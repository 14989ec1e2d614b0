package kubernetes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// look is how often Changed looks again although nothing has been delivered: what is
// read then costs no request.
const look = 5 * time.Second

// Observe reads the objects of the plan. Where neither Deployment exists there is
// nothing; StableReady is true where w names no stable revision, as there is
// nothing to wait for.
func (p *Provider) Observe(ctx context.Context, w activities.Work) (rollout.Observed, error) {
	s, err := p.open(ctx, "observe", w)
	if err != nil {
		return rollout.Observed{}, err
	}
	o, _, err := s.observe(ctx)
	return o, err
}

// Changed blocks until what Observe has read is delivered anew and differs from
// since. It returns an error of Observe, or ctx's own when ctx ends.
func (p *Provider) Changed(ctx context.Context, w activities.Work, since rollout.Observed) error {
	s, err := p.open(ctx, "watch", w)
	if err != nil {
		return err
	}
	s.sub = newSubscription()
	defer s.sub.end()
	for {
		now, again, err := s.observe(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if !sameObserved(now, since) {
			return nil
		}
		timer := time.NewTimer(again)
		select {
		case <-s.sub.changed:
			timer.Stop()
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// sameObserved compares as JSON: since may have been through it, which makes
// empty lists nil.
func sameObserved(a, b rollout.Observed) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// observe returns what there is, and how soon to look again.
func (s *session) observe(ctx context.Context) (rollout.Observed, time.Duration, error) {
	if !s.k.Canary() {
		return s.observeAnchor(ctx)
	}
	r, err := s.release(ctx)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	o := rollout.Observed{Revision: r.name, Settled: true, StableReady: s.w.Stable == ""}
	busy, err := s.leaving(ctx)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	if r.original == nil && r.canary == nil {
		o.Missing = true
		o.Settled, o.Progress = busy == "", busy
		return o, look, nil
	}
	t, err := s.router().read(ctx, s)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	o.Exists, o.Split, o.Replicas = true, s.split(r, t), asked(r)
	o.Assumed, o.Note = t.assumed, t.note
	o.Generation, o.By = s.written(r.original, t)
	own, again, err := s.observeOwn(ctx, r, &o)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	o.Settled = t.pending == "" && busy == "" && own
	if o.Failure == "" {
		o.Progress = cmp.Or(o.Progress, t.pending, busy)
	} else {
		o.Progress = ""
	}
	return o, soonest(again, t.again), nil
}

// observeOwn fills in what is told of the Deployments, and reports whether the one
// that the phase is about is at rest.
func (s *session) observeOwn(ctx context.Context, r release, o *rollout.Observed) (rest bool, again time.Duration, err error) {
	own, err := s.judgeOwn(ctx, r)
	if err != nil {
		return false, 0, err
	}
	if s.w.Stable != "" {
		if o.StableReady, err = s.stableReady(ctx, r); err != nil {
			return false, 0, err
		}
	}
	if !own.ours {
		o.Missing = !s.exists(r)
		return true, own.again, nil
	}
	o.Ready, o.Failure, o.Progress = own.ready && own.short == "", own.failure, own.short
	if !own.ready {
		o.Progress = own.progress
	}
	return s.idle() || own.ready || own.failure != "", own.again, nil
}

// judgeOwn judges what the phase is about: the canary, or in a promotion the original
// with all other objects of its manifest.
func (s *session) judgeOwn(ctx context.Context, r release) (judgement, error) {
	if !s.w.Promotion {
		own, err := s.judge(ctx, canaryOf(s.k.Deployment), r)
		if err == nil {
			err = s.joinTwin(ctx, r, &own)
		}
		return own, err
	}
	own, err := s.judge(ctx, s.k.Deployment, r)
	if err == nil && own.ours {
		err = s.others(ctx, &own)
	}
	return own, err
}

// exists reports whether the Deployment that the phase is about does.
func (s *session) exists(r release) bool {
	if s.w.Promotion {
		return r.original != nil
	}
	return r.canary != nil
}

// idle reports whether nothing waits for the release: it is to have no requests.
func (s *session) idle() bool { return s.w.Weight == 0 && !s.w.Promotion }

// judgement is what one Deployment is worth to the release.
type judgement struct {
	ours              bool   // it exists and runs the release's revision
	ready             bool   // all its pods are, and its Service lists them
	torn              bool   // not ready only because it has changed while it was read
	short             string // why they are fewer than the phase's share needs, "" if they are not
	failure, progress string
	again             time.Duration
}

// leastPods is how many pods the phase's share needs. What is to have no requests may have any
// number, so that a restore needs no baseline.
func (s *session) leastPods(ctx context.Context, r release) (int, error) {
	if s.idle() {
		return 0, nil
	}
	size, err := s.canarySize(ctx, r)
	return size.pods, err
}

// judge looks at a Deployment and its Service. A canary has to have the pods that
// its share needs, which an autoscaler may be about to add.
func (s *session) judge(ctx context.Context, deployment string, r release) (judgement, error) {
	live, service, least := r.original, s.k.Service, 0
	if deployment != s.k.Deployment {
		live = r.canary
		if s.k.Pods == nil {
			service = canaryOf(service)
			var err error
			if least, err = s.leastPods(ctx, r); err != nil {
				return judgement{}, err
			}
		}
	}
	if live == nil || s.called(live, r) != r.name {
		return judgement{}, nil
	}
	f, err := s.fleet(ctx, deployment, service)
	if err != nil {
		return judgement{}, err
	}
	v := judgement{ours: f.exists, failure: f.failure, progress: f.progress, again: f.again}
	if int(f.want) < least {
		v.short = fmt.Sprintf("deployment %s has %d of %s", deployment, f.want, count(least, "pod"))
	}
	switch {
	case !f.completes(live):
		v.torn = f.complete
		v.progress = cmp.Or(f.progress, "deployment "+deployment+" is rolling out")
	case f.endpoints < int(f.want) && (deployment == s.k.Deployment || s.k.Pods == nil):
		v.progress = fmt.Sprintf("service %s lists %d ready of %s", service, f.endpoints, count(int(f.want), "pod"))
	default:
		v.ready = true
	}
	return v, nil
}

// stableReady reports whether the original runs w.Stable with all pods it is to have.
func (s *session) stableReady(ctx context.Context, r release) (bool, error) {
	if r.original == nil || s.called(r.original, r) != s.w.Stable {
		return false, nil
	}
	f, err := s.fleet(ctx, s.k.Deployment, s.k.Service)
	return f.exists && f.ready >= f.want && f.endpoints >= int(f.want), err
}

// split is who receives the requests: nobody where nothing has ever split them. Shares of
// the same revision add up.
func (s *session) split(r release, t traffic) rollout.Split {
	if !t.exists && r.canary == nil {
		return nil
	}
	name := func(o *unstructured.Unstructured, deployment string) string {
		if o == nil {
			return deployment
		}
		return s.called(o, r)
	}
	var out rollout.Split
	if t.canary > 0 {
		out = give(out, name(r.canary, canaryOf(s.k.Deployment)), t.canary)
	}
	if t.canary < 100 {
		out = give(out, name(r.original, s.k.Deployment), 100-t.canary)
	}
	return out
}

// written grows with each change of the split or the stable template, not of the number of pods; and who made the last one.
func (s *session) written(original *unstructured.Unstructured, t traffic) (generation int64, by string) {
	if original == nil {
		return t.generation, t.by
	}
	n, err := strconv.ParseInt(original.GetAnnotations()[annotationRevision], 10, 64)
	if err != nil {
		n = 0 // the controller has not counted it yet
	}
	who, at := lastWriter([]*unstructured.Unstructured{original}, "spec", "template")
	if t.by == "" || at.After(t.at) || at.Equal(t.at) && t.by == fieldManager {
		return t.generation + n, who
	}
	return t.generation + n, t.by
}

// leaving says which object of the canary is going away and not gone yet, "" if none.
func (s *session) leaving(ctx context.Context) (string, error) {
	refs := []ref{s.deploymentRef(canaryOf(s.k.Deployment))}
	if s.k.Pods == nil {
		refs = append(refs, s.serviceRef(canaryOf(s.k.Service)))
	}
	if twin, err := s.twin(ctx); err != nil {
		return "", err
	} else if twin != nil && !lingers(twin, time.Now()) {
		refs = append(refs, s.twinRef())
	}
	for _, r := range refs {
		o, err := s.get(ctx, r)
		if err != nil {
			return "", err
		}
		if o != nil && o.GetDeletionTimestamp() != nil {
			return r.String() + " is being deleted", nil
		}
	}
	return "", nil
}

// soonest is the shortest of the times that are set, at most look.
func soonest(times ...time.Duration) time.Duration {
	out := look
	for _, t := range times {
		if t > 0 {
			out = min(out, t)
		}
	}
	return out
}
