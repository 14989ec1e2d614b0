package cloudrun

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	run "google.golang.org/api/run/v2"
)

// What Serin writes on objects. The stamps are annotations of the service; the
// release's digest is one of the template, so that two releases never share a
// revision and the same release always has the same one.
const (
	annotationPipeline = "serin.dev/pipeline"
	annotationRollout  = "serin.dev/rollout"
	annotationDigest   = "serin.dev/release-digest"
	annotationAgain    = "serin.dev/asked-again-after" // the generation after which a refused split was asked for again
)

// desired is a manifest in the terms of the v2 API.
type desired struct {
	name    string // of the service
	service *run.GoogleCloudRunV2Service
	traffic []trafficEntry // the manifest's own stanza
	adopt   string         // the revision that is the release's; "" is one of its own
}

// convert turns a Knative Service into what the v2 API takes. Location is
// "projects/P/locations/L". What it cannot carry over is an error that names the
// path and lists what is known. The traffic stanza is returned, not converted.
func convert(content []byte, location string) (*desired, error) {
	m, err := parse(content)
	if err != nil {
		return nil, err
	}
	var p problems
	if m.APIVersion != "serving.knative.dev/v1" || m.Kind != "Service" {
		p.add("kind", "want serving.knative.dev/v1 Service, found %s %s", m.APIVersion, m.Kind)
		return nil, p.err()
	}
	if m.Metadata.Name == "" {
		p.add("metadata.name", "required")
	}
	out := &desired{name: m.Metadata.Name, traffic: m.Spec.Traffic}
	out.service = &run.GoogleCloudRunV2Service{Labels: p.labels("metadata.labels", m.Metadata.Labels, region(location))}
	out.service.Annotations = annotate(&p, "metadata.annotations", m.Metadata.Annotations, serviceAnnotations(), out.service)
	d := newDraft(&p, location)
	d.template(m)
	out.service.Template, out.adopt = d.out, d.adopt
	if d.adopt != "" && !strings.HasPrefix(d.adopt, out.name+"-") {
		p.add(templatePath+".metadata.annotations["+annotationAdopt+"]", "%s is no revision of service %s", d.adopt, out.name)
	}
	return out, p.err()
}

// region returns L of "projects/P/locations/L".
func region(location string) string { return short(location) }

// short returns what follows the last slash of a resource name.
func short(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// labels passes the user's labels on. The v2 API refuses those of the system; of
// them only the location is common, and it is implied by the target.
func (p *problems) labels(path string, in map[string]string, region string) map[string]string {
	const location = "cloud.googleapis.com/location"
	out := maps.Clone(in)
	for _, k := range slices.Sorted(maps.Keys(in)) {
		switch {
		case k == location && in[k] == region:
			delete(out, k)
		case k == location && region != "":
			p.add(fmt.Sprintf("%s[%s]", path, k), "is %s, but the target is in %s", in[k], region)
		case systemKey(k):
			p.add(fmt.Sprintf("%s[%s]", path, k), "unknown label of the platform, known is %s", location)
		}
	}
	return out
}

// systemKey reports whether the key belongs to the platform or to Serin.
func systemKey(key string) bool {
	prefix, _, _ := strings.Cut(key, "/")
	switch prefix {
	case "run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev", "serin.dev":
		return true
	default:
		return false
	}
}

// draft is a revision template being made. What an annotation says of every
// container is kept until the containers are known.
type draft struct {
	p        *problems
	location string
	out      *run.GoogleCloudRunV2RevisionTemplate

	cpuIdle   bool // between requests; the platform's default is true
	cpuSet    bool // by an annotation
	boost     bool
	boostSet  bool
	sqlOf     []string            // Cloud SQL instances
	dependsOn map[string][]string // by container
	secrets   map[string]string   // full name of a secret by its alias
	adopt     string
}

func newDraft(p *problems, location string) *draft {
	return &draft{p: p, location: location, out: &run.GoogleCloudRunV2RevisionTemplate{}, cpuIdle: true}
}

const templatePath = "spec.template"

func (d *draft) template(m *manifest) {
	meta, spec := m.Spec.Template.Metadata, m.Spec.Template.Spec
	if meta.Name != "" {
		d.p.add(templatePath+".metadata.name", "remove it: revisions are named after what is in them")
	}
	d.out.Labels = d.p.labels(templatePath+".metadata.labels", meta.Labels, region(d.location))
	d.out.Annotations = annotate(d.p, templatePath+".metadata.annotations", meta.Annotations, templateAnnotations(), d)
	at := templatePath + ".spec"
	d.out.MaxInstanceRequestConcurrency = d.natural(at+".containerConcurrency", spec.ContainerConcurrency)
	if s := d.natural(at+".timeoutSeconds", spec.TimeoutSeconds); s > 0 {
		d.out.Timeout = strconv.FormatInt(s, 10) + "s"
	}
	d.out.ServiceAccount = spec.ServiceAccountName
	d.nodeSelector(at+".nodeSelector", spec.NodeSelector)
	if len(spec.Containers) == 0 {
		d.p.add(at+".containers", "at least one container is required")
	}
	for i, c := range spec.Containers {
		d.container(fmt.Sprintf("%s.containers[%d]", at, i), c)
	}
	for name := range d.dependsOn {
		if !slices.ContainsFunc(spec.Containers, func(c container) bool { return c.Name == name }) {
			d.p.add(templatePath+".metadata.annotations[run.googleapis.com/container-dependencies]", "there is no container %q", name)
		}
	}
	for i, v := range spec.Volumes {
		d.volume(fmt.Sprintf("%s.volumes[%d]", at, i), v)
	}
	d.cloudSQL()
}

func (d *draft) nodeSelector(path string, in map[string]string) {
	const accelerator = "run.googleapis.com/accelerator"
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if k != accelerator {
			d.p.add(fmt.Sprintf("%s[%s]", path, k), "unknown, known is %s", accelerator)
			continue
		}
		d.out.NodeSelector = &run.GoogleCloudRunV2NodeSelector{Accelerator: in[k]}
	}
}

func (d *draft) natural(path string, n int64) int64 {
	if n < 0 {
		d.p.add(path, "must not be negative")
	}
	return n
}

// revisionName names the revision of template after its content: the service and
// ten hexadecimal digits. So the same content is found again, whoever looks.
func revisionName(service string, template *run.GoogleCloudRunV2RevisionTemplate) (string, error) {
	o, err := object(template)
	if err != nil {
		return "", err
	}
	delete(o, "revision")
	b, err := json.Marshal(o) // keys of maps are sorted
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return service + "-" + hex.EncodeToString(sum[:5]), nil
}

// object returns v as JSON members.
func object(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var o map[string]any
	return o, json.Unmarshal(b, &o)
}
