package jobs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// place is where a job runs and what is known of it.
type place struct {
	request  activities.JobRequest
	revision string // Cloud Run: the release's
	url      string // of the service
	canary   string // that reaches the canary only, where there is such an address

	exchange map[string]string // what containers that render or deploy are told besides
}

// place asks Cloud Run for the names that only it gives. Where no address reaches only the canary, canary
// is "": that of the service reaches stable too. In stable they are the same.
func (j *Jobs) place(ctx context.Context, r activities.JobRequest) (place, error) {
	w := r.Work
	at := place{request: r, url: r.URL}
	switch {
	case w.Kubernetes != nil && w.Kubernetes.Service != "":
		at.url = cmp.Or(r.URL, inCluster(w, w.Kubernetes.Service))
		if k := w.Kubernetes; k.Pods == nil && (k.Gateway != nil || k.Ingress != nil) {
			at.canary = inCluster(w, w.Kubernetes.Service+rollout.CanarySuffix)
		}
	case w.CloudRun != nil:
		if p, ok := j.platforms[w.Target.Runtime]; ok {
			seen, err := p.Observe(ctx, w)
			if err != nil {
				return place{}, err
			}
			at.revision, at.url = seen.Revision, cmp.Or(r.URL, seen.URL)
		}
		if tags := w.CloudRun.CanaryTags; !w.Custom && len(tags) > 0 {
			at.canary = tagged(at.url, tags[0])
		}
	}
	if w.Promotion {
		at.canary = at.url
	}
	return at, nil
}

// inCluster is the address of a Service for whoever is in its cluster, "" where the names are none
// of DNS: such a name could be the address of another host.
func inCluster(w activities.Work, service string) string {
	in := namespace(w)
	if !isLabel(service) || !isLabel(in) {
		return ""
	}
	return fmt.Sprintf("http://%s.%s.svc", service, in)
}

// isLabel reports whether s is one label of a name of DNS, as RFC 1123 says.
func isLabel(s string) bool {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`).MatchString(s)
}

// services are the addresses of the release in its cluster.
func services(w activities.Work) []string {
	if w.Kubernetes == nil || w.Kubernetes.Service == "" {
		return nil
	}
	return []string{inCluster(w, w.Kubernetes.Service), inCluster(w, w.Kubernetes.Service+rollout.CanarySuffix)}
}

// namespace is that of the Deployment, as far as a plan tells it.
func namespace(w activities.Work) string {
	if w.Target.Cluster == nil {
		return cmp.Or(w.Kubernetes.Namespace, "default")
	}
	return cmp.Or(w.Kubernetes.Namespace, w.Target.Cluster.Namespace, "default")
}

// tagged is the address of a revision by its tag, "https://TAG---HOST" as Cloud Run makes them, or ""
// where address is none.
func tagged(address, tag string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !isLabel(tag) {
		return ""
	}
	u.Host = tag + "---" + u.Host
	return u.String()
}

// own are the addresses that belong to the release itself.
func (at place) own() []string { return append(services(at.request.Work), at.url, at.canary) }

// Env is what the containers of r's job are told, by Cloud Deploy's own names, without what only the
// platform knows: CLOUD_RUN_REVISION.
func Env(r activities.JobRequest) map[string]string { return place{request: r, url: r.URL}.env() }

// env is what a task is told, by Cloud Deploy's own names. What has no value is left out.
func (at place) env() map[string]string {
	all := at.words()
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	maps.Copy(all, at.exchange)
	return all
}

// words are what every task is told; "" is a word without a value.
func (at place) words() map[string]string {
	w := at.request.Work
	all := map[string]string{
		"CLOUD_DEPLOY_DELIVERY_PIPELINE": w.Pipeline,
		"CLOUD_DEPLOY_TARGET":            w.Target.Name,
		"CLOUD_DEPLOY_RELEASE":           w.Release,
		"CLOUD_DEPLOY_ROLLOUT":           w.Rollout,
		"CLOUD_DEPLOY_PHASE":             w.Phase,
		"CLOUD_DEPLOY_JOB_RUN":           fmt.Sprintf("%s-%s-%s-%d", w.Rollout, w.Phase, at.request.Job, at.request.Attempt),
	}
	if at.request.Job == jobRender { // it belongs to a release, and to no rollout yet
		all["CLOUD_DEPLOY_ROLLOUT"], all["CLOUD_DEPLOY_JOB_RUN"] = "", ""
	}
	in := w.Target.Location
	if c := w.Target.Cluster; c != nil && w.Target.Runtime != rollout.RuntimeCustom {
		in = cmp.Or(c.GKE, c.Membership)
		all["GKE_CLUSTER"], all["ANTHOS_MEMBERSHIP"] = c.GKE, c.Membership
	}
	project, location := part(in, "projects"), part(in, "locations")
	all["CLOUD_DEPLOY_LOCATION"] = location
	if strings.Trim(project, "0123456789") == "" {
		all["CLOUD_DEPLOY_PROJECT"] = project
	} else {
		all["CLOUD_DEPLOY_PROJECT_ID"] = project
	}
	switch {
	case w.Target.Runtime == rollout.RuntimeCustom:
		all["TARGET_TYPE"] = "CUSTOM"
	case w.CloudRun != nil:
		all["TARGET_TYPE"] = "RUN"
		all["CLOUD_RUN_LOCATION"], all["CLOUD_RUN_PROJECT"] = location, project
		all["CLOUD_RUN_SERVICE"], all["CLOUD_RUN_SERVICE_URLS"] = w.CloudRun.Service, at.url
		all["CLOUD_RUN_REVISION"] = at.revision
	case all["GKE_CLUSTER"] != "":
		all["TARGET_TYPE"] = "GKE"
	case all["ANTHOS_MEMBERSHIP"] != "":
		all["TARGET_TYPE"] = "ANTHOS"
	}
	return all
}

// part is what follows name in "projects/P/locations/L", "" where it has none.
func part(of, name string) string {
	words := strings.Split(of, "/")
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == name {
			return words[i+1]
		}
	}
	return ""
}
