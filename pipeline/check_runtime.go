package pipeline

import "slices"

// self is the id of the target's own cluster among destinations.
const self = "@self"

// runs says what kind of destination t is, for people.
func (t *Target) runs() string {
	if id := t.customType(); id != "" {
		return "customTarget " + id
	}
	return t.Runtime()
}

// cluster reports whether t is a Kubernetes cluster of any sort.
func (t *Target) cluster() bool {
	return t.GKE != nil || t.AnthosCluster != nil || t.Kubernetes != nil
}

// apart says what two targets should have been to belong together, or "" if they may.
// Only an object of serin.dev/v1 has clusters and Cloud Run together.
func apart(a, b *Target, extended bool) string {
	mixable := (a.cluster() || a.Run != nil) && (b.cluster() || b.Run != nil)
	switch {
	case a.runs() == b.runs(), a.cluster() && b.cluster(), extended && mixable:
		return ""
	case mixable:
		return "have one runtime; apiVersion " + SerinV1 + " allows clusters and Cloud Run together"
	}
	return "have one runtime"
}

// matesOf are the leaves of the stage of l, l included.
func matesOf(l leaf, leaves []leaf) []leaf {
	var out []leaf
	for _, o := range leaves {
		if o.stage == l.stage {
			out = append(out, o)
		}
	}
	return out
}

// fits judges s for one target of a stage, whose targets together are mates.
func (s *Strategy) fits(l leaf, mates []leaf, at *judge) {
	t := l.target
	if t.CustomTarget != nil {
		s.onCustom(t, at)
	}
	if s.Canary == nil {
		return
	}
	at = at.key("canary")
	if s.Canary.RuntimeConfig == nil {
		if s.Canary.CanaryDeployment != nil && t.CustomTarget == nil {
			at.key("runtimeConfig").bad("is required with canaryDeployment: give kubernetes or cloudRun")
		}
		return
	}
	s.Canary.RuntimeConfig.fits(t, mates, at.key("runtimeConfig"))
	if t.cluster() && s.Canary.mesh() {
		s.Canary.RuntimeConfig.Kubernetes.GatewayServiceMesh.reaches(t, at.key("runtimeConfig").key("kubernetes").key("gatewayServiceMesh"))
	}
	if t.Run != nil && s.Canary.RuntimeConfig.CloudRun != nil {
		s.Canary.onCloudRun(t, at)
	}
}

// fits judges that r has the key that t needs, and none that no target of the stage does.
func (r *RuntimeConfig) fits(t *Target, mates []leaf, at *judge) {
	onCluster := func(l leaf) bool { return l.target.cluster() }
	onRun := func(l leaf) bool { return l.target.Run != nil }
	met := (t.cluster() && r.Kubernetes != nil) || (t.Run != nil && r.CloudRun != nil)
	for _, key := range []struct {
		name   string
		given  bool
		unused bool
		own    bool
	}{
		{"kubernetes", r.Kubernetes != nil, !slices.ContainsFunc(mates, onCluster), t.cluster()},
		{"cloudRun", r.CloudRun != nil, !slices.ContainsFunc(mates, onRun), t.Run != nil},
	} {
		switch {
		case !key.given || key.own:
		case !met:
			at.key(key.name).bad("target %q is %s: it needs %s", t.Metadata.Name, t.runs(), fitting(t))
		case key.unused:
			at.key(key.name).bad("no target of this stage needs it: remove it")
		}
	}
}

func fitting(t *Target) string {
	switch {
	case t.cluster():
		return "runtimeConfig.kubernetes"
	case t.Run != nil:
		return "runtimeConfig.cloudRun"
	}
	return "a customCanaryDeployment without runtimeConfig"
}

// reaches judges that t has the clusters that the routes go to.
func (g *GatewayServiceMesh) reaches(t *Target, at *judge) {
	if g.RouteDestinations == nil {
		return
	}
	at = at.key("routeDestinations").key("destinationIds")
	for i, id := range g.RouteDestinations.DestinationIDs {
		if _, ok := t.AssociatedEntities[id]; !ok && id != self {
			at.item(i).bad("target %q has no associated entity %q; it has %s", t.Metadata.Name, id, listed(sortedKeys(t.AssociatedEntities)))
		}
	}
}

// onCloudRun judges phases that clusters can do and the location t of Cloud Run cannot.
func (c *Canary) onCloudRun(t *Target, at *judge) {
	if d := c.CanaryDeployment; d != nil {
		if i := slices.Index(d.Percentages, 100); i >= 0 {
			at.key("canaryDeployment").key("percentages").item(i).bad(
				"target %q is run, where 100 is stable itself: remove it, or give the clusters a pipeline of their own", t.Metadata.Name)
		}
	}
	if d := c.CustomCanaryDeployment; d != nil {
		for i, p := range d.PhaseConfigs {
			if p.Match != nil {
				at.key("customCanaryDeployment").key("phaseConfigs").item(i).key("match").bad(
					"target %q is run, which cannot choose by request: remove it, or give the clusters a pipeline of their own", t.Metadata.Name)
			}
		}
	}
}
