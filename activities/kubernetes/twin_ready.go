package kubernetes

import (
	"cmp"
	"context"
	"fmt"
)

// twinEndpoints counts the ready endpoints of the Service that are pods of the twin.
func (s *session) twinEndpoints(ctx context.Context) (int, error) {
	pods, err := s.twinPods(ctx)
	if err != nil || len(pods) == 0 {
		return 0, err
	}
	list, err := s.slices(ctx, s.k.Service)
	return readyEndpoints(list, names(pods)), err
}

// joinTwin adds to v what the twin is worth: the phase is ready when its pods are too, and the Service
// has them.
func (s *session) joinTwin(ctx context.Context, r release, v *judgement) error {
	if !s.wantsTwin() || s.idle() || !v.ours {
		return nil
	}
	name := s.twinRef().name
	live, err := s.twin(ctx)
	if err != nil {
		return err
	}
	if live == nil {
		v.ready, v.failure = false, "deployment "+name+" does not exist: somebody has removed it"
		return nil
	}
	f, err := s.fleet(ctx, name, "")
	if err != nil {
		return err
	}
	listed, err := s.twinEndpoints(ctx)
	if err != nil {
		return err
	}
	v.addTwin(f, twinView{name: name, service: s.k.Service, listed: listed, settled: f.completes(live) && besideOf(live) == r.digest})
	return nil
}

// twinView is what is seen of a twin besides its Deployment.
type twinView struct {
	name, service string
	listed        int  // ready endpoints
	settled       bool // its pods are those that began with the canary
}

// addTwin makes v as bad as the twin is. What the canary waits for is told first.
func (v *judgement) addTwin(f fleet, t twinView) {
	text := ""
	switch {
	case !t.settled:
		text = cmp.Or(f.progress, "deployment "+t.name+" is rolling out")
	case t.listed < int(f.want):
		text = fmt.Sprintf("service %s lists %d ready of %s of deployment %s", t.service, t.listed, count(int(f.want), "pod"), t.name)
	}
	v.failure = cmp.Or(v.failure, f.failure)
	if text != "" && v.ready {
		v.ready, v.progress = false, text
	}
	if f.again > 0 && (v.again == 0 || f.again < v.again) {
		v.again = f.again
	}
}
