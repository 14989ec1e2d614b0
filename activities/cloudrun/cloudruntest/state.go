package cloudruntest

import (
	"fmt"
	"strings"

	run "google.golang.org/api/run/v2"
)

// The condition states and types of the API.
const (
	statePending     = "CONDITION_PENDING"
	stateReconciling = "CONDITION_RECONCILING"
	stateFailed      = "CONDITION_FAILED"
	stateSucceeded   = "CONDITION_SUCCEEDED"

	typeReady          = "Ready"
	typeRoutes         = "RoutesReady"
	typeConfigurations = "ConfigurationsReady"

	typeLatest   = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	typeRevision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
)

// service is one service with its revisions. Its exported fields are what a
// snapshot keeps.
type service struct {
	Resource  *run.GoogleCloudRunV2Service `json:"resource"`
	Previous  *run.GoogleCloudRunV2Service `json:"previous"`  // as it was before the last write; nil before the second
	Revisions []*revision                  `json:"revisions"` // oldest first
	Number    int                          `json:"number"`    // revisions made so far, deleted ones included
	Changes   int                          `json:"changes"`   // changes so far, for the etag
	Born      int                          `json:"born"`      // which service of this name it is, from 1

	deck   deck
	counts map[string]*Count
}

// revision is immutable but for its conditions.
type revision struct {
	Resource *run.GoogleCloudRunV2Revision         `json:"resource"`
	Template *run.GoogleCloudRunV2RevisionTemplate `json:"template"` // what it was made from, without its name
	State    string                                `json:"state"`    // a condition state
	Forced   string                                `json:"forced"`   // failure reason that its write asked for; empty for none
	Failure  *failure                              `json:"failure"`  // why State is failed
}

func (s *service) key() string { return s.Resource.Name }

func (s *service) id() string { return last(s.Resource.Name) }

// find returns the revision of this short name, or nil.
func (s *service) find(short string) *revision {
	for _, r := range s.Revisions {
		if r.short() == short {
			return r
		}
	}
	return nil
}

func (s *service) touch(srv *Server) {
	s.Changes++
	s.Resource.Etag = srv.etag(s)
}

func (r *revision) short() string { return last(r.Resource.Name) }

// image is the image of the container that takes the requests.
func (r *revision) image() string {
	if c := r.container(); c != nil {
		return c.Image
	}
	return ""
}

// container is the one that takes the requests; nil if there is none.
func (r *revision) container() *run.GoogleCloudRunV2Container {
	containers := r.Template.Containers
	for _, c := range containers {
		if len(c.Ports) > 0 {
			return c
		}
	}
	if len(containers) == 0 {
		return nil
	}
	return containers[0]
}

// env are the variables of that container that have a literal value.
func (r *revision) env() map[string]string {
	out := map[string]string{}
	if c := r.container(); c != nil {
		for _, v := range c.Env {
			if v.ValueSource == nil {
				out[v.Name] = v.Value
			}
		}
	}
	return out
}

// last returns what follows the last slash of a resource name.
func last(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// location returns "projects/P/locations/L" of a resource name below it.
func location(name string) string {
	parts := strings.SplitN(name, "/", 5)
	if len(parts) < 5 {
		return name
	}
	return strings.Join(parts[:4], "/")
}

// ServiceName returns the full resource name of a service.
func ServiceName(project, location, service string) string {
	return fmt.Sprintf("projects/%s/locations/%s/services/%s", project, location, service)
}

// host returns the authority of a service or, with a tag, of that tag.
func (s *Server) host(svc *service, tag string) string {
	h := svc.id() + "-" + hostHash(svc.key()) + "." + s.opts.Domain
	if tag != "" {
		h = tag + "---" + h
	}
	return h
}
