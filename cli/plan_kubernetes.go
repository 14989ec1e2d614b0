package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// plannedPods are the pods that a phase asks for.
type plannedPods struct {
	Canary   int `json:"canary"`
	Original int `json:"original"`
}

// podsOf sizes each phase of p, which has a canary Deployment beside an original of that
// many replicas; a promotion gives it promoted.
func podsOf(p rollout.Plan, replicas, promoted int) []*plannedPods {
	out := make([]*plannedPods, len(p.Phases))
	for i, ph := range p.Phases {
		pods := &plannedPods{Original: replicas}
		switch k := p.Kubernetes; {
		case ph.Promotion():
			pods.Original = promoted
		case k.Pods == nil:
			pods.Canary = ph.Size.Pods(replicas, ph.Weight)
		case k.Pods.Constant:
			pods.Canary, pods.Original = rollout.ConstantPods(replicas, ph.Weight)
		default:
			pods.Canary = rollout.CanaryPods(replicas, ph.Weight)
		}
		out[i] = pods
	}
	return out
}

// String is "1 canary, 3 original".
func (p *plannedPods) String() string {
	if p.Canary == 0 {
		return fmt.Sprintf("%d original", p.Original)
	}
	return fmt.Sprintf("%d canary, %d original", p.Canary, p.Original)
}

// where says what a plan goes to: the platform, the place, and the object.
func where(p rollout.Plan) string {
	switch {
	case p.CloudRun != nil:
		return fmt.Sprintf("%s %s, service %s", p.Target.Runtime, p.Target.Location, p.CloudRun.Service)
	case p.Custom != nil:
		return fmt.Sprintf("%s, type %s, whose containers run on %s", p.Target.Runtime, p.Custom.Type, containers(p.Target))
	case p.Kubernetes == nil:
		return string(p.Target.Runtime)
	}
	out := fmt.Sprintf("%s %s, ", p.Target.Runtime, cluster(p.Target.Cluster))
	if p.Kubernetes.Namespace == "" {
		out += "its default namespace"
	} else {
		out += "namespace " + p.Kubernetes.Namespace
	}
	if p.Kubernetes.Canary() {
		out += fmt.Sprintf(", Deployment/%s behind Service/%s", p.Kubernetes.Deployment, p.Kubernetes.Service)
	}
	return out
}

// containers says where those of the custom target t run.
func containers(t rollout.Target) string {
	place := t.Location
	if t.Cluster != nil {
		place = cluster(t.Cluster)
		if t.Cluster.Namespace != "" {
			place += ", namespace " + t.Cluster.Namespace
		}
	}
	return string(t.RunsAt()) + " " + place
}

// cluster names c for people.
func cluster(c *rollout.Cluster) string {
	switch {
	case c == nil:
		return "the target's own cluster"
	case c.GKE != "" || c.Membership != "":
		return cmp.Or(c.GKE, c.Membership)
	case c.Context != "" && c.Kubeconfig != "":
		return fmt.Sprintf("context %s of %s", c.Context, c.Kubeconfig)
	case c.Context != "":
		return "context " + c.Context
	case c.Kubeconfig != "":
		return "current context of " + c.Kubeconfig
	}
	return "the worker's own cluster"
}

// printSplit says by what the traffic is split, and what is waited for.
func printSplit(w io.Writer, k *rollout.Kubernetes) {
	if !k.Canary() {
		return
	}
	switch {
	case k.Gateway != nil:
		row(w, "split by the weights of "+routes(k.Gateway))
	case k.Ingress != nil:
		row(w, "split by "+ingress(k.Ingress))
	case k.Pods.Constant:
		row(w, "split by the number of pods, which together stay as many as they are")
	default:
		row(w, "split by the number of pods, the canary's beside the original's")
	}
	if k.Fresh {
		row(w, "as many pods of stable begin with the canary, to compare with: deployment "+k.Deployment+rollout.BaselineSuffix)
	}
	var waits []string
	if d := k.RouteWait(); d > 0 {
		waits = append(waits, wait(d)+" after each change of the split")
	}
	if d := k.Cutback(); d > 0 {
		waits = append(waits, wait(d)+" in stable, before the canary goes")
	}
	if len(waits) > 0 {
		row(w, "waits "+strings.Join(waits, ", "))
	}
}

// wait is exact, unlike span.
func wait(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if short, ok := strings.CutSuffix(s, zero); ok {
			s = short + zero[:1]
		}
	}
	return s
}

func routes(g *rollout.Gateway) string {
	var all []string
	for _, r := range g.Routes {
		name := r.Kind + "/" + r.Name
		if r.Namespace != "" {
			name += " in namespace " + r.Namespace
		}
		all = append(all, name)
	}
	out := strings.Join(all, ", ")
	if len(g.Destinations) == 0 {
		return out
	}
	var places []string
	for _, d := range g.Destinations {
		places = append(places, fmt.Sprintf("%s (%s)", d.ID, cluster(d.Cluster)))
	}
	out += "; they go to " + strings.Join(places, ", ")
	if g.PropagateService {
		out += ", and so does the Service"
	}
	return out
}

func ingress(g *rollout.Ingress) string {
	out := fmt.Sprintf("the annotations %s of Ingress/%s", g.Prefix, g.Name)
	switch {
	case g.HeaderValue != "":
		out += fmt.Sprintf(", after header %s=%s", g.Header, g.HeaderValue)
	case g.HeaderPattern != "":
		out += fmt.Sprintf(", after header %s~%s", g.Header, g.HeaderPattern)
	case g.Header != "":
		out += ", after header " + g.Header
	}
	if g.Cookie != "" {
		out += ", after cookie " + g.Cookie
	}
	if g.Probe != nil {
		out += fmt.Sprintf("; probed at %s, where the header %s names the pod", g.Probe.URL, g.Probe.Header)
	}
	return out
}

// printMatches says which requests go to the canary of a phase whatever the weight.
func printMatches(w io.Writer, p rollout.Plan) {
	for _, ph := range p.Phases {
		for _, m := range ph.Match {
			var all []string
			for _, h := range m.Headers {
				all = append(all, "header "+condition(h))
			}
			for _, c := range m.Cookies {
				all = append(all, "cookie "+condition(c))
			}
			row(w, fmt.Sprintf("%s also gets every request with %s", ph.ID, strings.Join(all, " and ")))
		}
	}
}

func condition(v rollout.ValueMatch) string {
	if v.Regex != "" {
		return v.Name + "~" + v.Regex
	}
	return v.Name + "=" + v.Value
}
