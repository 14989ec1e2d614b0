package cloudruntest

import (
	"fmt"
	"strings"

	run "google.golang.org/api/run/v2"
)

// Limits of the API.
const (
	maxServiceID     = 49 // "fewer than 50"
	maxRevisionName  = 63
	minTag           = 3
	maxTagAndService = 46
	maxRevisions     = 1000 // per service
	maxServices      = 1000 // per project and location
)

// validator checks one write; request is the message the violations name.
type validator struct {
	request string // CreateServiceRequest or UpdateServiceRequest
	service string // short name
	exists  func(revision string) bool
}

func (v validator) violation(field, format string, args ...any) *apiError {
	return invalid("service."+field, "Violation in %s.service.%s: %s", v.request, field, fmt.Sprintf(format, args...))
}

// check returns the first violation in the user's part of svc, or nil.
func (v validator) check(svc *run.GoogleCloudRunV2Service) error {
	t := svc.Template
	if t == nil {
		return v.violation("template", "field is required")
	}
	if len(t.Containers) == 0 {
		return v.violation("template.containers", "at least one container is required")
	}
	for i, c := range t.Containers {
		if c == nil || c.Image == "" {
			return v.violation(fmt.Sprintf("template.containers[%d].image", i), "field is required")
		}
	}
	if err := v.revisionName(t.Revision); err != nil {
		return err
	}
	return v.traffic(svc.Traffic, t.Revision)
}

func (v validator) revisionName(name string) error {
	switch {
	case name == "":
		return nil
	case !strings.HasPrefix(name, v.service+"-"):
		return v.violation("template.revision", "Revision name '%s' must be prefixed by the name of the enclosing service with trailing -: '%s-'.", name, v.service)
	case len(name) > maxRevisionName:
		return v.violation("template.revision", "Revision name '%s' has %d characters, the limit is %d.", name, len(name), maxRevisionName)
	case !dnsLabel(name):
		return v.violation("template.revision", "Revision name '%s' must use only lowercase alphanumeric characters and dashes, and cannot end with a dash.", name)
	}
	return nil
}

func (v validator) traffic(list []*run.GoogleCloudRunV2TrafficTarget, upcoming string) error {
	if len(list) == 0 {
		return nil
	}
	sum := int64(0)
	tags := map[string]bool{}
	for i, t := range list {
		field := fmt.Sprintf("traffic[%d]", i)
		if err := v.target(field, t, upcoming); err != nil {
			return err
		}
		if t.Tag != "" && tags[t.Tag] {
			return v.violation(field+".tag", "Multiple definitions for tag '%s'.", t.Tag)
		}
		tags[t.Tag] = true
		sum += t.Percent
	}
	if sum != 100 {
		return v.violation("traffic", "Traffic targets sum to %d, want 100.", sum)
	}
	return nil
}

func (v validator) target(field string, t *run.GoogleCloudRunV2TrafficTarget, upcoming string) error {
	if t == nil {
		return v.violation(field, "entry is empty")
	}
	if t.Percent < 0 || t.Percent > 100 {
		return v.violation(field+".percent", "percent %d is out of range, want 0 to 100.", t.Percent)
	}
	switch t.Type {
	case typeLatest:
		if t.Revision != "" {
			return v.violation(field+".revision", "revision must not be set with type %s.", typeLatest)
		}
	case typeRevision:
		if t.Revision == "" {
			return v.violation(field+".revision", "revision is required with type %s.", typeRevision)
		}
		if t.Revision != upcoming && !v.exists(t.Revision) {
			return v.violation(field+".revision", "Revision '%s' does not exist or is deleted.", t.Revision)
		}
	default:
		return v.violation(field+".type", "type '%s' is not allowed, want %s or %s.", t.Type, typeLatest, typeRevision)
	}
	return v.tag(field+".tag", t.Tag)
}

func (v validator) tag(field, tag string) error {
	switch {
	case tag == "":
		return nil
	case len(tag) < minTag:
		return v.violation(field, "Traffic tag '%s' must have at least %d characters.", tag, minTag)
	case !dnsLabel(tag):
		return v.violation(field, "Traffic tag '%s' must use only lowercase letters, numbers and hyphens, and cannot begin or end with a hyphen.", tag)
	case len(tag)+len(v.service) > maxTagAndService:
		return v.violation(field, "Traffic tag '%s' with service name '%s' is too long: together they must have at most %d characters.", tag, v.service, maxTagAndService)
	}
	return nil
}

// serviceID checks the id of a service to create.
func serviceID(id string) error {
	ok := dnsLabel(id) && len(id) <= maxServiceID && id[0] >= 'a' && id[0] <= 'z'
	if !ok {
		return invalid("service_id", "Violation in CreateServiceRequest.service_id: '%s' must use only lowercase alphanumeric characters and dashes, begin with a letter, not end with a dash, and have fewer than %d characters.", id, maxServiceID+1)
	}
	return nil
}

// dnsLabel reports whether s is lower case letters, digits and inner hyphens.
func dnsLabel(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && s[0] != '-' && s[len(s)-1] != '-'
}

// withDefaults fills in what the API stores for fields that the user left out,
// and drops traffic entries that mean nothing.
func withDefaults(svc *run.GoogleCloudRunV2Service) {
	if svc.Ingress == "" {
		svc.Ingress = "INGRESS_TRAFFIC_ALL"
	}
	if svc.LaunchStage == "" {
		svc.LaunchStage = "GA"
	}
	if len(svc.Traffic) == 0 {
		svc.Traffic = []*run.GoogleCloudRunV2TrafficTarget{{Type: typeLatest, Percent: 100}}
	}
	kept := svc.Traffic[:0:0]
	for _, t := range svc.Traffic {
		if t.Percent > 0 || t.Tag != "" {
			kept = append(kept, t)
		}
	}
	svc.Traffic = kept
	t := svc.Template
	if t.Timeout == "" {
		t.Timeout = "300s"
	}
	if t.MaxInstanceRequestConcurrency == 0 {
		t.MaxInstanceRequestConcurrency = 80
	}
	if c := t.Containers[0]; len(t.Containers) == 1 && len(c.Ports) == 0 {
		c.Ports = []*run.GoogleCloudRunV2ContainerPort{{Name: "http1", ContainerPort: 8080}}
	}
}
