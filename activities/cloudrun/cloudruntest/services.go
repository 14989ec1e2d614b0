package cloudruntest

import (
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"
)

// write is what a create, a patch or an external change asks for.
type write struct {
	service      string // full name
	next         *run.GoogleCloudRunV2Service
	identity     string
	etag         string // that the writer has seen; empty for none
	forceNew     bool
	validateOnly bool
	fail         string // failure reason for the revision this makes
	effects      effects
}

func (s *Server) createService(c *call) (any, error) {
	id := c.query("serviceId")
	if err := serviceID(id); err != nil {
		return nil, err
	}
	body, raw, err := decodeService(c.body)
	if err != nil {
		return nil, err
	}
	if body.Name != "" {
		return nil, invalid("service.name", "Violation in CreateServiceRequest.service.name: must be empty, the id is taken from service_id.")
	}
	next, err := toService(raw)
	if err != nil {
		return nil, err
	}
	w := c.write(c.parent() + "/services/" + id)
	w.next = next
	if s.services[w.service] != nil {
		return nil, alreadyExists("Resource '%s' already exists.", id)
	}
	return s.create(w)
}

func (s *Server) create(w write) (any, error) {
	parent := location(w.service)
	v := validator{
		request: "CreateServiceRequest", service: last(w.service),
		exists: func(string) bool { return false },
	}
	if err := v.check(w.next); err != nil {
		return nil, err
	}
	if s.countServices(parent) >= maxServices {
		return nil, exhausted("RESOURCE_LIMIT_EXCEEDED", "services_per_region", 0)
	}
	withDefaults(w.next)
	if w.validateOnly {
		return s.preview(w), nil
	}
	born := s.next("service", w.service)
	svc := &service{Born: born, counts: map[string]*Count{}}
	svc.Resource = w.next
	svc.Resource.Name = w.service
	svc.Resource.Uid = uid(s.digest("uid", w.service, born))
	svc.Resource.Creator = w.identity
	svc.Resource.CreateTime = s.stamp()
	s.services[w.service] = svc
	rev := s.addRevision(svc, w)
	return s.begin(svc, w, rev), nil
}

func (s *Server) countServices(parent string) int {
	n := 0
	for name := range s.services {
		if location(name) == parent {
			n++
		}
	}
	return n
}

func (s *Server) getService(c *call) (any, error) {
	svc, err := s.lookup(c.serviceName())
	if err != nil {
		return nil, err
	}
	if c.effects.stale && svc.Previous != nil {
		return svc.Previous, nil
	}
	return svc.Resource, nil
}

func (s *Server) lookup(name string) (*service, error) {
	svc := s.services[name]
	if svc == nil {
		return nil, notFound("Resource", name)
	}
	return svc, nil
}

func (s *Server) listServices(c *call) (any, error) {
	var all []*run.GoogleCloudRunV2Service
	for name, svc := range s.services {
		if location(name) == c.parent() {
			all = append(all, svc.Resource)
		}
	}
	slices.SortFunc(all, func(a, b *run.GoogleCloudRunV2Service) int { return strings.Compare(a.Name, b.Name) })
	page, next, err := paginate(c, all, 100)
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListServicesResponse{Services: page, NextPageToken: next}, nil
}

func (s *Server) patchService(c *call) (any, error) {
	w := c.write(c.serviceName())
	body, raw, err := decodeService(c.body)
	if err != nil {
		return nil, err
	}
	paths, err := maskPaths(c.query("updateMask"))
	if err != nil {
		return nil, err
	}
	w.etag = body.Etag
	if match := c.Header.Get("If-Match"); match != "" && match != "*" {
		w.etag = match
	}
	svc := s.services[w.service]
	if svc == nil {
		if !c.flag("allowMissing") {
			return nil, notFound("Resource", w.service)
		}
		if err = serviceID(last(w.service)); err != nil {
			return nil, err
		}
		if w.next, err = toService(raw); err != nil {
			return nil, err
		}
		return s.create(w)
	}
	merged := merge(userPart(toObject(svc.Resource)), raw, paths)
	if w.next, err = toService(merged); err != nil {
		return nil, err
	}
	return s.update(svc, w)
}

// update validates and applies w to an existing service.
func (s *Server) update(svc *service, w write) (any, error) {
	if err := s.conflict(svc, w.etag, w.effects); err != nil {
		return nil, err
	}
	if svc.Resource.DeleteTime != "" {
		return nil, failedPrecondition("Resource '%s' is being deleted.", svc.id())
	}
	v := validator{
		request: "UpdateServiceRequest", service: svc.id(),
		exists: func(name string) bool { return svc.find(name) != nil },
	}
	if err := v.check(w.next); err != nil {
		return nil, err
	}
	withDefaults(w.next)
	fresh, err := newTemplate(svc, w)
	if err != nil {
		return nil, err
	}
	if w.validateOnly {
		return s.preview(w), nil
	}
	if !fresh && sameUserPart(svc.Resource, w.next) {
		return s.unchanged(svc), nil
	}
	replace(svc, w.next)
	var rev *revision
	if fresh {
		rev = s.addRevision(svc, w)
	} else if named := svc.find(w.next.Template.Revision); named != nil && named.Resource.Name != svc.Resource.LatestCreatedRevision {
		rev = named
	}
	return s.begin(svc, w, rev), nil
}

// conflict refuses a stale etag where etags count.
func (s *Server) conflict(svc *service, etag string, e effects) error {
	strict := s.opts.Etag == EtagStrict || e.strict
	if strict && etag != "" && etag != svc.Resource.Etag {
		return aborted(etag, svc.Resource.Etag)
	}
	return nil
}

// newTemplate says whether w makes a new revision. It refuses to give the name of
// an existing revision to another configuration.
func newTemplate(svc *service, w write) (bool, error) {
	name := w.next.Template.Revision
	old := svc.Resource.Template
	if name == "" {
		return w.forceNew || !sameTemplate(old, w.next.Template), nil
	}
	existing := svc.find(name)
	if existing == nil {
		// A name of its own asks for a revision of its own, unless it is the retained
		// name of a revision deleted since.
		return w.forceNew || name != old.Revision || !sameTemplate(old, w.next.Template), nil
	}
	if w.forceNew || !sameTemplate(existing.Template, w.next.Template) {
		return false, alreadyExists("Revision named '%s' with different configuration already exists.", name)
	}
	return false, nil
}

// replace puts the user's part of next into the service and keeps the rest.
func replace(svc *service, next *run.GoogleCloudRunV2Service) {
	old := svc.Resource
	svc.Previous = clone(old)
	merged := toObject(old)
	for k := range userPart(toObject(old)) {
		delete(merged, k)
	}
	for k, v := range userPart(toObject(next)) {
		merged[k] = v
	}
	svc.Resource = new(run.GoogleCloudRunV2Service)
	convert(merged, svc.Resource)
}

func (s *Server) deleteService(c *call) (any, error) {
	svc, err := s.lookup(c.serviceName())
	if err != nil {
		return nil, err
	}
	if err = s.conflict(svc, c.query("etag"), c.effects); err != nil {
		return nil, err
	}
	w := c.write(svc.key())
	if w.validateOnly {
		w.next = clone(svc.Resource)
		return s.preview(w), nil
	}
	svc.Previous = clone(svc.Resource)
	svc.Resource.DeleteTime = s.stamp()
	return s.begin(svc, w, nil), nil
}
