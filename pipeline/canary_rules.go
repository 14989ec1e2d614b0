package pipeline

import (
	"regexp"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// maxTagLength leaves one character to the name of the service: together they
// have at most 46.
const maxTagLength = 45

func (c *Canary) rules(at *judge) {
	exactlyOne(at, []choice{
		{"canaryDeployment", c.CanaryDeployment != nil},
		{"customCanaryDeployment", c.CustomCanaryDeployment != nil},
	})
	if c.RuntimeConfig != nil {
		c.RuntimeConfig.rules(at.key("runtimeConfig"))
	}
	if c.CanaryDeployment != nil {
		c.automatedRules(at)
	}
	c.debugRules(at.key("debugFor"))
	c.bakeRules(at.key("bake"))
	c.webhookRules(at.key("webhooks"))
	if c.CustomCanaryDeployment != nil {
		c.phaseRules(at.key("customCanaryDeployment").key("phaseConfigs"))
	}
}

// mesh reports whether traffic is split by routes.
func (c *Canary) mesh() bool {
	return c.RuntimeConfig != nil && c.RuntimeConfig.Kubernetes != nil && c.RuntimeConfig.Kubernetes.GatewayServiceMesh != nil
}

// routed reports whether a router in a cluster splits the traffic, whatever the
// number of pods.
func (c *Canary) routed() bool {
	return c.mesh() || (c.RuntimeConfig != nil && c.RuntimeConfig.Kubernetes != nil && c.RuntimeConfig.Kubernetes.Ingress != nil)
}

func (c *Canary) automatedRules(at *judge) {
	d := c.CanaryDeployment
	if r := c.RuntimeConfig; r != nil && r.CloudRun != nil && !r.CloudRun.AutomaticTrafficControl {
		at.key("runtimeConfig").key("cloudRun").key("automaticTrafficControl").bad("must be true with canaryDeployment")
	}
	at = at.key("canaryDeployment")
	last := -1
	for i, p := range d.Percentages {
		switch item := at.key("percentages").item(i); {
		case p == 100 && !c.routed():
			item.bad("100 is allowed only with gatewayServiceMesh and ingress; the phase stable follows by itself")
		case p <= last:
			item.bad("%d is not above the percentage before it (%d)", p, last)
		}
		last = p
	}
	d.Jobs.rules(at)
	c.addressRules(at, d.Jobs)
	d.Advance.rules(at.key("advance"))
	c.replicaRules(at.key("replicas"), d.Replicas)
}

func (c *Canary) phaseRules(at *judge) {
	phases := c.CustomCanaryDeployment.PhaseConfigs
	names := newIDs()
	for i, p := range phases {
		item := at.item(i)
		names.add(item.key("phaseId"), p.PhaseID)
		if i > 0 && p.Percentage <= phases[i-1].Percentage {
			item.key("percentage").bad("%d is not above the percentage before it (%d)", p.Percentage, phases[i-1].Percentage)
		}
		if i == len(phases)-1 {
			p.lastRules(item)
			c.promotedRules(item, p.Analysis)
		} else if p.PhaseID == rollout.StablePhase {
			item.key("phaseId").bad("%q must be the last phase", rollout.StablePhase)
		}
		p.Jobs.rules(item)
		p.Advance.rules(item.key("advance"))
		c.replicaRules(item.key("replicas"), p.Replicas)
		if i < len(phases)-1 {
			c.addressRules(item, p.Jobs)
			c.matchRules(item.key("match"), p.Match)
		}
	}
}

func (p PhaseConfig) lastRules(at *judge) {
	if p.PhaseID != rollout.StablePhase {
		at.key("phaseId").bad("the last phase is %q, want %q", p.PhaseID, rollout.StablePhase)
	}
	if p.Percentage != 100 {
		at.key("percentage").bad("the last phase has %d, want 100", p.Percentage)
	}
	if p.Advance != nil {
		at.key("advance").bad("no phase follows %s: remove it here", rollout.StablePhase)
	}
	if p.Replicas != nil {
		at.key("replicas").bad("%s has no canary to size: remove it here", rollout.StablePhase)
	}
	if p.Match != nil {
		at.key("match").bad("%s gets every request: remove it here", rollout.StablePhase)
	}
}

// promotedRules judges the analysis of stable. In a cluster the release is then the original
// itself, which nothing is left to be compared with.
func (c *Canary) promotedRules(at *judge, a *Analysis) {
	if a == nil || a.Prometheus == nil || c.RuntimeConfig == nil || c.RuntimeConfig.Kubernetes == nil {
		return
	}
	for i, check := range a.Prometheus.Checks {
		if check.Compare != nil {
			at.key("analysis").key("prometheus").key("checks").item(i).key("compare").bad("is not possible in %s, where no other version is left in a cluster", rollout.StablePhase)
		}
	}
}

func (a *Advance) rules(at *judge) {
	if a != nil && a.Mode == "manual" && a.Wait != 0 {
		at.key("wait").bad("means something only with mode automatic")
	}
}

func (c *Canary) replicaRules(at *judge, r *Replicas) {
	if r != nil && !c.routed() {
		at.bad("sizes the canary only with gatewayServiceMesh or ingress of runtimeConfig.kubernetes")
	}
}

func (r *RuntimeConfig) rules(at *judge) {
	if both := r.Kubernetes != nil && r.CloudRun != nil; !both || !at.src.extended {
		exactlyOne(at, []choice{{"kubernetes", r.Kubernetes != nil}, {"cloudRun", r.CloudRun != nil}})
	}
	if r.Kubernetes != nil {
		r.Kubernetes.rules(at.key("kubernetes"))
	}
	if r.CloudRun != nil {
		r.CloudRun.rules(at.key("cloudRun"))
	}
}

// tagList is one of the lists of tags, by its key.
type tagList struct {
	name string
	tags []string
}

func (r *CloudRunConfig) tagLists() []tagList {
	return []tagList{
		{"canaryRevisionTags", r.CanaryRevisionTags},
		{"priorRevisionTags", r.PriorRevisionTags},
		{"stableRevisionTags", r.StableRevisionTags},
	}
}

func (r *CloudRunConfig) rules(at *judge) {
	tag := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	for _, l := range r.tagLists() {
		for i, t := range l.tags {
			if !tag.MatchString(t) || len(t) < 3 || len(t) > maxTagLength {
				at.key(l.name).item(i).bad("%q is no revision tag: use lowercase letters, digits and hyphens, not ending with a hyphen, at least 3 characters; with the service name at most 46", t)
			}
		}
	}
	for i, t := range r.PriorRevisionTags {
		if slices.Contains(r.CanaryRevisionTags, t) {
			at.key("priorRevisionTags").item(i).bad("%q is in canaryRevisionTags too: a tag is on one revision at a time", t)
		}
	}
}
