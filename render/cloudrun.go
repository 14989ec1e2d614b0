package render

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CheckCloudRun returns the name of the service that m deploys to a Cloud Run
// target, and what stands against it. A manifest for Cloud Run is exactly one
// Service of serving.knative.dev/v1 without a traffic stanza, because Serin
// writes the split, and without a revision name, because Serin names revisions
// by their content. A custom canary writes its own split: allowTraffic.
//
// The name is empty if there is no service or its name is not allowed.
func CheckCloudRun(m Manifest, allowTraffic bool) (string, Problems) {
	var ps Problems
	name, services := "", 0
	for i, d := range m.docs {
		o := m.Objects[i]
		if what := notAService(o); what != "" {
			d.bad(&ps, d.root, "", what)
			continue
		}
		if services++; services > 1 {
			d.bad(&ps, d.root, "", fmt.Sprintf("%s is a second service: a Cloud Run target deploys one, so give each its own pipeline", o))
			continue
		}
		if serviceName(d, o, &ps) {
			name = o.Name
		}
		serviceFields(d, allowTraffic, &ps)
	}
	if services == 0 && len(ps) == 0 {
		ps = append(ps, Problem{Text: "the manifest has no Service of serving.knative.dev/v1, which a Cloud Run target deploys"})
	}
	return name, ps
}

// notAService says why an object cannot be deployed to Cloud Run, or nothing.
func notAService(o Object) string {
	switch {
	case o.APIVersion == "serving.knative.dev/v1" && o.Kind == "Service":
		return ""
	case o.Group() == knative && o.Kind == "Service":
		return fmt.Sprintf("%s has apiVersion %s: write serving.knative.dev/v1", o, o.APIVersion)
	case o.Group() == "run.googleapis.com" && o.Kind == "Job":
		return fmt.Sprintf("%s is a Cloud Run job: jobs have no traffic and cannot be rolled out in phases", o)
	case o.Group() == "run.googleapis.com" && o.Kind == "WorkerPool":
		return fmt.Sprintf("%s is a Cloud Run worker pool: only services are supported", o)
	case o.Kind == "Service" && o.Group() == "":
		return fmt.Sprintf("%s is a Kubernetes service: a Cloud Run service has apiVersion serving.knative.dev/v1", o)
	}
	return fmt.Sprintf("%s of %s cannot be deployed to Cloud Run: the manifest must hold one Service of serving.knative.dev/v1 and nothing else", o, o.APIVersion)
}

// serviceName checks the rule that Cloud Run has for service ids.
func serviceName(d document, o Object, ps *Problems) bool {
	if len(o.Name) < 50 && regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`).MatchString(o.Name) {
		return true
	}
	at := field(d.root, "metadata", "name")
	if at == nil {
		at = d.root
	}
	d.bad(ps, at, "metadata.name", fmt.Sprintf("%q is no name for a Cloud Run service: "+
		"write fewer than 50 lowercase letters, digits and hyphens, a letter first and no hyphen last", o.Name))
	return false
}

func serviceFields(d document, allowTraffic bool, ps *Problems) {
	if name := key(d.root, "spec", "template", "metadata", "name"); name != nil {
		d.bad(ps, name, "spec.template.metadata.name", "Serin names revisions by their content: remove it")
	}
	adopted(d, ps)
	if traffic := key(d.root, "spec", "traffic"); traffic != nil && !allowTraffic {
		d.bad(ps, traffic, "spec.traffic", "Serin writes the split between revisions: remove it (only a custom canary writes its own)")
	}
	for _, part := range []string{"spec", "spec.template", "spec.template.spec"} {
		if n := field(d.root, strings.Split(part, ".")...); n == nil || n.Kind != yaml.MappingNode {
			d.bad(ps, d.root, part, "is missing: a service needs a template with containers")
			return
		}
	}
}

// adoptRevision names a revision that somebody else has made: the release is that one.
const adoptRevision = "serin.dev/adopt-revision"

// adopted checks that a revision to adopt is one of the service.
func adopted(d document, ps *Problems) {
	revision, service := field(d.root, "spec", "template", "metadata", "annotations", adoptRevision), field(d.root, "metadata", "name")
	if revision != nil && service != nil && !strings.HasPrefix(revision.Value, service.Value+"-") {
		d.bad(ps, revision, "spec.template.metadata.annotations["+adoptRevision+"]",
			fmt.Sprintf("%q is no revision of service %s", revision.Value, service.Value))
	}
}

// key returns the node of the last key, for its line, or nil if it is not there.
func key(n *yaml.Node, keys ...string) *yaml.Node {
	n = field(n, keys[:len(keys)-1]...)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == keys[len(keys)-1] {
			return n.Content[i]
		}
	}
	return nil
}
