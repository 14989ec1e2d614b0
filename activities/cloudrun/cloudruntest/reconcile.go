package cloudruntest

import (
	"slices"

	run "google.golang.org/api/run/v2"
)

// begin records an effective write as the next generation, starts reconciling it
// and returns its operation. rev is the revision that it makes the latest, or nil.
func (s *Server) begin(svc *service, w write, rev *revision) *run.GoogleLongrunningOperation {
	res := svc.Resource
	res.Generation++
	res.UpdateTime = s.stamp()
	res.LastModifier = w.identity
	res.Reconciling = true
	res.TerminalCondition = s.condition(typeReady, stateReconciling)
	if len(res.Conditions) == 0 {
		res.Conditions = []*run.GoogleCloudRunV2Condition{s.condition(typeRoutes, statePending), s.condition(typeConfigurations, statePending)}
	}
	o := &operation{
		Service: svc.key(), Generation: res.Generation, Delete: res.DeleteTime != "",
		Fail: w.effects.operation, Stuck: w.effects.stuck,
	}
	if rev != nil {
		o.Revision = rev.short()
		res.LatestCreatedRevision = rev.Resource.Name
		s.setCondition(svc, s.condition(typeConfigurations, stateReconciling))
	}
	s.setCondition(svc, s.condition(typeRoutes, stateReconciling))
	svc.touch(s)
	s.store(o, svc)
	s.broadcast()
	return s.schedule(o)
}

func (s *Server) condition(kind, state string) *run.GoogleCloudRunV2Condition {
	return &run.GoogleCloudRunV2Condition{Type: kind, State: state, LastTransitionTime: s.stamp()}
}

func (s *Server) setCondition(svc *service, c *run.GoogleCloudRunV2Condition) {
	list := slices.DeleteFunc(slices.Clone(svc.Resource.Conditions), func(o *run.GoogleCloudRunV2Condition) bool { return o.Type == c.Type })
	svc.Resource.Conditions = append(list, c)
}

// finish ends the reconciliation of one operation, unless it is stuck or done.
// s.mu is held.
func (s *Server) finish(o *operation) {
	svc := s.services[o.Service]
	switch {
	case o.Op.Done:
		return
	case o.Job:
		s.finishJob(o)
	case svc == nil || svc.Resource.Uid != o.UID:
		o.end(notFound("Resource", o.Service))
	case o.Stuck != 0 && o.Generation == svc.Resource.Generation:
		return
	case o.Delete:
		s.drop(svc)
		o.succeed(svc)
	default:
		s.finishWrite(svc, o)
	}
	s.broadcast()
}

// finishWrite ends o and, if o is not superseded, settles the service and with it
// every stuck operation that it supersedes.
func (s *Server) finishWrite(svc *service, o *operation) {
	if failed := s.outcome(svc, o); failed != nil {
		o.end(failed)
	} else {
		o.succeed(svc)
	}
	if o.Generation == svc.Resource.Generation {
		s.finishSuperseded(svc)
	}
}

// outcome settles the service if that is for o to do, and returns o's error.
func (s *Server) outcome(svc *service, o *operation) *apiError {
	current := o.Generation == svc.Resource.Generation
	rev := svc.find(o.Revision)
	if rev != nil {
		s.evaluate(rev)
	}
	switch {
	case o.Fail != nil:
		if current {
			s.settleFailed(svc, &failure{Reason: "INTERNAL", Message: o.Fail.Message})
		}
		return o.Fail
	case current && svc.Resource.Reconciling:
		return s.settle(svc, o)
	case rev != nil && rev.Failure != nil: // superseded, or joined a write that has settled
		return rev.Failure.rpc(rev)
	}
	return nil
}

func (s *Server) finishSuperseded(svc *service) {
	for _, name := range s.opOrder {
		o := s.ops[name]
		if o.Stuck != 0 && !o.Op.Done && o.Service == svc.key() && o.Generation < svc.Resource.Generation {
			s.finish(o)
		}
	}
}

// evaluate decides whether a pending revision is ready.
func (s *Server) evaluate(r *revision) {
	if r.State != statePending {
		return
	}
	if f := s.whyNotReady(r); f != nil {
		s.setState(r, stateFailed, f)
		return
	}
	s.setState(r, stateSucceeded, nil)
}

// settle brings the service to its newest generation: everything, or only the
// split when just the configuration is broken, or nothing.
func (s *Server) settle(svc *service, o *operation) *apiError {
	res := svc.Resource
	latest := svc.find(last(res.LatestCreatedRevision))
	s.evaluate(latest)
	if o.Revision != "" && latest.Failure != nil {
		s.settleFailed(svc, latest.Failure.of(latest))
		return latest.Failure.rpc(latest)
	}
	ready := last(res.LatestReadyRevision)
	if latest.Failure == nil {
		ready = latest.short()
	}
	for _, t := range res.Traffic {
		name := t.Revision
		if t.Type == typeLatest {
			name = ready
		}
		if r := s.unready(svc, name); r != nil {
			s.settleRoutesFailed(svc, r)
			return r.Failure.rpc(r)
		}
	}
	if ready == "" { // a new service whose only revision failed
		s.settleFailed(svc, latest.Failure.of(latest))
		return latest.Failure.rpc(latest)
	}
	s.settleServing(svc, ready, latest)
	return nil
}

// unready returns the revision of this name if it cannot take traffic.
func (s *Server) unready(svc *service, name string) *revision {
	r := svc.find(name)
	if r == nil {
		return nil
	}
	s.evaluate(r)
	if r.Failure == nil {
		return nil
	}
	return r
}

// settleServing applies the split. Ready stays failed when the latest created
// revision is not the ready one.
func (s *Server) settleServing(svc *service, ready string, latest *revision) {
	res := svc.Resource
	res.Reconciling = false
	res.ObservedGeneration = res.Generation
	res.LatestReadyRevision = svc.key() + "/revisions/" + ready
	res.Uri = "http://" + s.host(svc, "")
	res.Urls = []string{res.Uri}
	s.setStatuses(svc, ready)
	s.setCondition(svc, s.condition(typeRoutes, stateSucceeded))
	res.TerminalCondition = s.condition(typeReady, stateSucceeded)
	configuration := s.condition(typeConfigurations, stateSucceeded)
	if latest.Failure != nil {
		f := latest.Failure.of(latest)
		configuration.State, res.TerminalCondition.State = stateFailed, stateFailed
		f.explain(configuration)
		f.explain(res.TerminalCondition)
	}
	s.setCondition(svc, configuration)
	svc.touch(s)
}

// settleFailed leaves what serves as it is and records why.
func (s *Server) settleFailed(svc *service, f *failure) {
	res := svc.Resource
	res.Reconciling = false
	res.TerminalCondition = s.condition(typeReady, stateFailed)
	f.explain(res.TerminalCondition)
	configuration := s.condition(typeConfigurations, stateFailed)
	f.explain(configuration)
	s.setCondition(svc, configuration)
	routes := s.condition(typeRoutes, stateSucceeded)
	if len(res.TrafficStatuses) == 0 {
		routes.State = stateFailed
		f.explain(routes)
	}
	s.setCondition(svc, routes)
	svc.touch(s)
}

// settleRoutesFailed is settleFailed for a split onto a revision that is not ready.
func (s *Server) settleRoutesFailed(svc *service, r *revision) {
	f := r.Failure.of(r)
	res := svc.Resource
	res.Reconciling = false
	res.TerminalCondition = s.condition(typeReady, stateFailed)
	f.explain(res.TerminalCondition)
	routes := s.condition(typeRoutes, stateFailed)
	f.explain(routes)
	s.setCondition(svc, routes)
	svc.touch(s)
}

// drop removes a deleted service.
func (s *Server) drop(svc *service) {
	svc.Resource.Reconciling = false
	svc.Resource.TrafficStatuses = nil
	s.recordSplit(svc)
	delete(s.services, svc.key())
}
