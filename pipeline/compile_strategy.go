package pipeline

import (
	"time"

	"github.com/serin-dev/serin/rollout"
)

// onFailure says what happens at t when a phase before stable fails; a nil s has
// only stable.
func (s *Strategy) onFailure(t *Target, apiVersion string) rollout.OnFailure {
	if t.CustomTarget != nil {
		return rollout.OnFailureHold
	}
	if s == nil || s.Canary == nil {
		return (&Canary{}).OnFailure(apiVersion)
	}
	return s.Canary.OnFailure(apiVersion)
}

// custom reports whether the manifests for t shape the traffic themselves, as those of a
// custom target always do.
func (s *Strategy) custom(t *Target) bool {
	if t.CustomTarget != nil {
		return true
	}
	if s == nil || s.Canary == nil {
		return false
	}
	r := s.Canary.RuntimeConfig
	return r == nil || (t.Run != nil && r.CloudRun != nil && !r.CloudRun.AutomaticTrafficControl)
}

func (s *Strategy) cloudRun() *rollout.CloudRun {
	if s == nil || s.Canary == nil || s.Canary.RuntimeConfig == nil || s.Canary.RuntimeConfig.CloudRun == nil {
		return &rollout.CloudRun{}
	}
	r := s.Canary.RuntimeConfig.CloudRun
	out := &rollout.CloudRun{CanaryTags: r.CanaryRevisionTags, PriorTags: r.PriorRevisionTags, StableTags: r.StableRevisionTags}
	if s.Canary.bakesStable() {
		out.Previous = previousTag
	}
	return out
}

// defaultDebug is how long a canary is kept for a look under serin.dev/v1.
const defaultDebug = 30 * time.Minute

// debugFor is how long the pods of a canary are kept at t after a restore.
func (s *Strategy) debugFor(t *Target, apiVersion string) time.Duration {
	switch {
	case !t.cluster() || s == nil || s.Canary == nil || s.Canary.RuntimeConfig == nil || s.onFailure(t, apiVersion) != rollout.OnFailureRestore:
		return 0
	case s.Canary.DebugFor != nil:
		return time.Duration(*s.Canary.DebugFor)
	case apiVersion == SerinV1:
		return defaultDebug
	}
	return 0
}

// webhooks are those of the types, or all without any.
func (s *Strategy) webhooks(types ...string) []rollout.Webhook {
	if s == nil || s.Canary == nil {
		return nil
	}
	return s.Canary.frozenWebhooks(types...)
}
