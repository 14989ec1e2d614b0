package pipeline

import (
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// bakePhase is the id of the phase that a bake adds.
const bakePhase = "bake"

// previousTag is on the revision that was stable before, while a release bakes.
const previousTag = "previous"

// Bake watches a release that has all requests and can still be taken back.
type Bake struct {
	// Duration is how long it is watched.
	Duration Wait `yaml:"duration" rule:"required,duration=1s..48h"`
	// Analysis is what is watched meanwhile.
	Analysis *Checks `yaml:"analysis" rule:"required"`
}

// CanaryWebhook is a server that is asked with Flagger's payload, as a POST of JSON. An
// answer of at most 202 is a yes. The hosts that a worker asks are those of its
// SERIN_HTTP_HOSTS.
type CanaryWebhook struct {
	// ID names the webhook, unique in the canary.
	ID string `yaml:"id" rule:"required,id"`
	// Type says when it is asked: confirm-rollout before the first phase,
	// confirm-traffic-increase before each phase with more traffic, and
	// confirm-promotion before stable; each waits for a yes. rollback is asked all
	// the time, and its yes fails the phase.
	Type string `yaml:"type" rule:"required,enum=confirm-rollout|confirm-traffic-increase|confirm-promotion|rollback"`
	// URL is absolute.
	URL string `yaml:"url" rule:"required,length=2048"`
	// Interval is the time between two questions.
	Interval Wait `yaml:"interval,omitempty" rule:"duration=1s..1h,default=10s"`
	// Timeout is how long one answer may take.
	Timeout Wait `yaml:"timeout,omitempty" rule:"duration=100ms..1m,default=5s"`
	// Metadata is part of the payload.
	Metadata map[string]string `yaml:"metadata,omitempty"`
}

// jobs are those of the phase or the promotion that bakes.
func (b *Bake) jobs() Jobs {
	if b == nil || b.Analysis == nil {
		return Jobs{}
	}
	return Jobs{Analysis: &Analysis{Duration: Duration(b.Duration), Checks: *b.Analysis}}
}

// bakes reports whether c has a phase in which it bakes: where a router splits, the original
// still is what it was while the canary has every request.
func (c *Canary) bakes() bool { return c.Bake != nil && c.routed() }

// bakesStable reports whether stable bakes, as it does on Cloud Run.
func (c *Canary) bakesStable() bool { return c.Bake != nil && !c.routed() }

func (c *Canary) bakeRules(at *judge) {
	if c.Bake == nil {
		return
	}
	if c.Bake.Analysis != nil {
		c.Bake.Analysis.rules(at.key("analysis"), time.Duration(c.Bake.Duration))
		for _, fresh := range c.Bake.jobs().freshChecks(at) {
			fresh.bad("is not possible in a %s, where the canary has every request and other pods have none: leave fresh out", bakePhase)
		}
	}
	if reason := c.RuntimeConfig.unbaked(); reason != "" {
		at.bad("%s", reason)
		return
	}
	if d := c.CustomCanaryDeployment; d != nil {
		c.bakedPhases(at, d.PhaseConfigs)
	}
	if run := c.RuntimeConfig.CloudRun; run != nil {
		for _, l := range run.tagLists() {
			if slices.Contains(l.tags, previousTag) {
				at.bad("needs the tag %q for itself: remove it from %s", previousTag, l.name)
			}
		}
	}
}

// unbaked says why nothing can bake where r splits the traffic, or "".
func (r *RuntimeConfig) unbaked() string {
	switch {
	case r == nil || (r.CloudRun != nil && !r.CloudRun.AutomaticTrafficControl):
		return "is not possible where the manifests shape the traffic: nothing is known that all requests could go back to"
	case r.Kubernetes != nil && r.CloudRun != nil:
		return "is a phase on clusters and none on Cloud Run: give each a pipeline of its own"
	case r.Kubernetes != nil && r.Kubernetes.ServiceNetworking != nil:
		return "is not possible with serviceNetworking: at 100 percent no pod of the release before is left to go back to"
	}
	return ""
}

// bakedPhases judges phases that were written one by one beside a bake.
func (c *Canary) bakedPhases(at *judge, phases []PhaseConfig) {
	for i, p := range phases {
		switch {
		case p.PhaseID == bakePhase && c.bakes():
			at.bad("is a phase %q, which phaseConfigs[%d] is already: rename that", bakePhase, i)
		case p.PhaseID == rollout.StablePhase && p.Analysis != nil && c.bakesStable():
			at.bad("is the analysis of %s, which has one already: remove one of them", rollout.StablePhase)
		}
	}
}

func (c *Canary) debugRules(at *judge) {
	switch {
	case c.DebugFor == nil:
	case c.RuntimeConfig == nil || c.RuntimeConfig.Kubernetes == nil:
		at.bad("means something only with runtimeConfig.kubernetes: elsewhere no pods are kept")
	case c.FailurePolicy == string(rollout.OnFailureHold):
		at.bad("means something only with onFailure restore: hold leaves the canary its traffic")
	}
}

func (c *Canary) webhookRules(at *judge) {
	names := newIDs()
	for i, w := range c.Webhooks {
		item := at.item(i)
		names.add(item.key("id"), w.ID)
		urlRule(item.key("url"), w.URL)
	}
}

// frozenWebhooks are those of c with one of the types, or all without any.
func (c *Canary) frozenWebhooks(types ...string) []rollout.Webhook {
	var out []rollout.Webhook
	for _, w := range c.Webhooks {
		if len(types) == 0 || slices.Contains(types, w.Type) {
			out = append(out, rollout.Webhook{
				ID: w.ID, Type: w.Type, URL: w.URL, Metadata: w.Metadata,
				Interval: w.Interval.or(10 * time.Second), Timeout: w.Timeout.or(5 * time.Second),
			})
		}
	}
	return out
}

// or is w, or if it was not given d.
func (w Wait) or(d time.Duration) time.Duration {
	if w == 0 {
		return d
	}
	return time.Duration(w)
}
