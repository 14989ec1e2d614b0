package activities

import (
	"context"

	"github.com/serin-dev/serin/rollout"
)

// Work is what a provider needs to know of one step of one rollout: every name
// and number is resolved. It is at most 2 KB, and carries no manifest.
type Work struct {
	Rollout  string         `json:"rollout"` // "v2-to-prod-0002"
	Pipeline string         `json:"pipeline"`
	Release  string         `json:"release"`
	Digest   string         `json:"digest"` // of the release; stamped on what it creates
	Target   rollout.Target `json:"target"`

	Phase     string         `json:"phase"`
	Weight    rollout.Weight `json:"weight"`              // the release's share of all requests
	Promotion bool           `json:"promotion,omitempty"` // the release becomes stable in this phase
	Custom    bool           `json:"custom,omitempty"`    // the manifest's own traffic stanza is the split
	Attempt   int            `json:"attempt,omitempty"`   // counts the rollout's retries from 1; a revision that failed is not tried again under its name
	Manifest  string         `json:"manifest"`            // digest of the phase's manifest

	Stable   string `json:"stable,omitempty"`   // the revision that receives 100-Weight; "" if nothing serves
	Baseline string `json:"baseline,omitempty"` // digest of the stored baseline, once there is one

	CloudRun *rollout.CloudRun `json:"cloudRun,omitempty"`

	Kubernetes     *rollout.Kubernetes `json:"kubernetes,omitempty"`
	Size           *rollout.Size       `json:"size,omitempty"`           // of the canary; nil is Weight of the original
	Match          []rollout.Match     `json:"match,omitempty"`          // requests that go to the canary whatever Weight is
	StableManifest string              `json:"stableManifest,omitempty"` // digest of the manifest of what is stable; "" if no rollout recorded it
	Manifests      []string            `json:"manifests,omitempty"`      // digests of every phase's manifest, each once; Kubernetes only
}

// At returns w for a phase of the same rollout.
func (w Work) At(ph rollout.Phase) Work {
	w.Phase, w.Weight, w.Promotion, w.Custom, w.Manifest = ph.ID, ph.Weight, ph.Promotion(), ph.Custom, ph.Manifest
	w.Size, w.Match = ph.Size, ph.Match
	return w
}

// Observer reads facts. It judges nothing and changes nothing.
type Observer interface {
	// Observe returns what the platform says of w's target now. What does not exist
	// is not an error: Exists is false.
	Observe(ctx context.Context, w Work) (rollout.Observed, error)
	// Changed blocks until Observe may return something else than since, or ctx
	// ends. It may return early, never late without end.
	Changed(ctx context.Context, w Work, since rollout.Observed) error
	// Next returns the split that SetWeight would write for w: from w, its manifest, and
	// the name that the release's revision has or will have. An empty split means that
	// w.Stable is "" and Weight is 0.
	Next(ctx context.Context, w Work) (rollout.Split, error)
	// Record returns the live spec of every object that a rollout may change, as
	// JSON without secrets; nil where nothing exists.
	Record(ctx context.Context, w Work) ([]byte, error)
}

// Deployer decides which revisions exist. It gives no revision a share of the
// requests that SetWeight has not given it.
type Deployer interface {
	// Deploy makes the revision of w exist and returns before it is ready. A
	// revision that exists with the same content is left alone.
	Deploy(ctx context.Context, w Work) error
	// Promote makes what becomes stable in w exist, like Deploy.
	Promote(ctx context.Context, w Work) error
	// Remove takes away what only the canary phases needed. Nothing there is not
	// an error.
	Remove(ctx context.Context, w Work) error
	// ScaleStable gives the stable revision the size that the baseline records, where
	// somebody has made it smaller. It comes before any shift towards it. Platforms that
	// scale by themselves do nothing.
	ScaleStable(ctx context.Context, w Work) error
}

// Router decides who receives the requests. Both commands return when the
// platform has taken the write, which may be before requests move: Observe tells.
type Router interface {
	// SetWeight gives the release w.Weight of all requests and w.Stable the rest.
	// It stamps the object with w's pipeline and rollout. Setting what is set
	// already, by the same rollout, writes nothing.
	SetWeight(ctx context.Context, w Work) error
	// Restore gives w.Stable all requests and puts back what the baseline records.
	Restore(ctx context.Context, w Work) error
	// Leave puts back what only guarded the rollout, such as the floor of an autoscaler, and
	// leaves the split as it is. It is called where a rollout ends without a restore.
	Leave(ctx context.Context, w Work) error
}

// Preflight finds what would make a rollout fail, before anything is written.
type Preflight interface {
	// Check returns every problem it can find, none if the rollout may start. An
	// error means that it could not look.
	Check(ctx context.Context, w Work) ([]rollout.Problem, error)
}

// Platform is the provider of one runtime.
type Platform interface {
	Observer
	Deployer
	Router
	Preflight
}

// Artifacts is the part of the artifact store that activities use.
type Artifacts interface {
	// Put stores content and returns its digest, "sha256:<hex>".
	Put(ctx context.Context, content []byte) (string, error)
	// Get returns the content of digest. Errors: NotFound, Corrupt, Transient.
	Get(ctx context.Context, digest string) ([]byte, error)
}
