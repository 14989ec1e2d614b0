package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

var _ activities.Platform = (*Provider)(nil)

// Options bound what a Provider asks of each cluster.
type Options struct {
	QPS   float32 // requests a second in the long run; 0 is 200
	Burst int     // requests at once; 0 is 400
}

const (
	defaultQPS   = 200
	defaultBurst = 400
)

// Provider is the platform "kubernetes". Between calls it keeps connections and
// the watches of active rollouts, which end when nobody has asked them for two minutes. It is
// safe for concurrent use.
type Provider struct {
	artifacts activities.Artifacts
	clusters  *clusters
	manifests *manifests
	picks     *picks
}

// New returns a provider that reads manifests and baselines from artifacts. It
// connects to a cluster when the first rollout goes there.
func New(artifacts activities.Artifacts, o Options) *Provider {
	if o.QPS == 0 {
		o.QPS = defaultQPS
	}
	if o.Burst == 0 {
		o.Burst = defaultBurst
	}
	return &Provider{
		artifacts: documents{Artifacts: artifacts, read: newMemory[[]byte](maxDocuments)}, clusters: newClusters(o),
		manifests: newMemory[[]*unstructured.Unstructured](maxDocuments), picks: newMemory[string](maxPicks),
	}
}

// Close ends all watches. A call after it opens them again.
func (p *Provider) Close() { p.clusters.close() }

// Check returns what would make the rollout fail. It asks for a write in dry run only.
func (p *Provider) Check(ctx context.Context, w activities.Work) ([]rollout.Problem, error) {
	s, err := p.open(ctx, "check", w)
	if err != nil {
		return nil, err
	}
	return s.check(ctx)
}
