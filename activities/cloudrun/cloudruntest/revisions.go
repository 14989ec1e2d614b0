package cloudruntest

import (
	"fmt"
	"slices"

	run "google.golang.org/api/run/v2"
)

// addRevision makes the pending revision that w asks for and returns it.
func (s *Server) addRevision(svc *service, w write) *revision {
	svc.Number++
	t := clone(svc.Resource.Template)
	name := t.Revision
	if name == "" {
		sum := s.digest("revision", svc.key(), svc.Born<<32+svc.Number)
		name = fmt.Sprintf("%s-%05d-%s", svc.id(), svc.Number, base36(sum, 3))
	}
	t.Revision = ""
	o := toObject(t) // the template's members are the revision's
	for _, k := range []string{"revision", "healthCheckDisabled"} {
		delete(o, k)
	}
	res := new(run.GoogleCloudRunV2Revision)
	convert(o, res)
	full := svc.key() + "/revisions/" + name
	res.Name, res.Service = full, svc.key()
	res.Uid = uid(s.digest("uid", full, svc.Born))
	res.Generation = 1
	res.Creator = w.identity
	res.CreateTime, res.UpdateTime = s.stamp(), s.stamp()
	res.LaunchStage = svc.Resource.LaunchStage
	res.Etag = `"` + uid(s.digest("etag", full, svc.Born)) + `"`
	r := &revision{Resource: res, Template: t, Forced: w.fail}
	s.setState(r, statePending, nil)
	svc.Revisions = append(svc.Revisions, r)
	svc.Resource.LatestCreatedRevision = full
	prune(svc)
	return r
}

// setState moves a revision to a condition state; f says why for a failed one.
func (s *Server) setState(r *revision, state string, f *failure) {
	r.State, r.Failure = state, f
	c := &run.GoogleCloudRunV2Condition{Type: typeReady, State: state, LastTransitionTime: s.stamp()}
	if f != nil {
		f.explain(c)
	}
	container := *c
	container.Type = "ContainerHealthy"
	r.Resource.Conditions = []*run.GoogleCloudRunV2Condition{c, &container}
	r.Resource.Reconciling = state == statePending
	r.Resource.UpdateTime = s.stamp()
	if state != statePending {
		r.Resource.ObservedGeneration = r.Resource.Generation
	}
}

// prune deletes the oldest revisions that nobody can reach, beyond the limit.
func prune(svc *service) {
	for i := 0; len(svc.Revisions) > maxRevisions && i < len(svc.Revisions); {
		if inUse(svc, svc.Revisions[i]) != "" {
			i++
			continue
		}
		svc.Revisions = slices.Delete(svc.Revisions, i, i+1)
	}
}

// inUse says why a revision cannot be deleted; empty when it can.
func inUse(svc *service, r *revision) string {
	name, full := r.short(), r.Resource.Name
	if full == svc.Resource.LatestCreatedRevision || full == svc.Resource.LatestReadyRevision {
		return "it is the latest revision of the service"
	}
	for _, t := range svc.Resource.Traffic {
		if t.Revision == name {
			return "it is assigned traffic or a tag"
		}
	}
	for _, t := range svc.Resource.TrafficStatuses {
		if t.Revision == name {
			return "it serves traffic or a tag"
		}
	}
	return ""
}

func (s *Server) getRevision(c *call) (any, error) {
	_, r, err := s.revision(c)
	if err != nil {
		return nil, err
	}
	return r.Resource, nil
}

func (s *Server) revision(c *call) (*service, *revision, error) {
	name := c.PathValue("revision")
	svc := s.services[c.serviceName()]
	if svc == nil {
		return nil, nil, notFound("Resource", c.serviceName()+"/revisions/"+name)
	}
	r := svc.find(name)
	if r == nil {
		return nil, nil, notFound("Resource", svc.key()+"/revisions/"+name)
	}
	return svc, r, nil
}

// listRevisions lists newest first; the service "-" stands for all of the location.
func (s *Server) listRevisions(c *call) (any, error) {
	var names []string
	if c.PathValue("service") == "-" {
		for name := range s.services {
			if location(name) == c.parent() {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	} else if _, err := s.lookup(c.serviceName()); err != nil {
		return nil, err
	} else {
		names = []string{c.serviceName()}
	}
	var all []*run.GoogleCloudRunV2Revision
	for _, name := range names {
		for _, r := range slices.Backward(s.services[name].Revisions) {
			all = append(all, r.Resource)
		}
	}
	page, next, err := paginate(c, all, 100)
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListRevisionsResponse{Revisions: page, NextPageToken: next}, nil
}

func (s *Server) deleteRevision(c *call) (any, error) {
	svc, r, err := s.revision(c)
	if err != nil {
		return nil, err
	}
	if why := inUse(svc, r); why != "" {
		return nil, failedPrecondition("Revision '%s' cannot be deleted because %s.", r.short(), why)
	}
	body := typed("type.googleapis.com/google.cloud.run.v2.Revision", r.Resource)
	o := &operation{Service: svc.key(), Op: &run.GoogleLongrunningOperation{Done: true, Metadata: body, Response: body}}
	if c.flag("validateOnly") {
		o.Op.Name = c.parent() + "/operations/" + uid(s.digest("preview", r.Resource.Name, 0))
		return o.Op, nil
	}
	svc.Revisions = slices.DeleteFunc(svc.Revisions, func(other *revision) bool { return other == r })
	o.Op.Name = s.operationName(svc.key())
	s.ops[o.Op.Name] = o
	s.opOrder = append(s.opOrder, o.Op.Name)
	return o.Op, nil
}
