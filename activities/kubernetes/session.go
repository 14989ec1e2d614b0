package kubernetes

import (
	"cmp"
	"context"
	"fmt"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// session is one call of the provider: what is asked for, and the cluster it goes
// to. It is for one goroutine.
type session struct {
	op string // as errors name it: "set weight"
	w  activities.Work
	k  rollout.Kubernetes // zero for standard and custom canaries
	c  *cluster
	ns string // of k's Deployment and Service, and of objects that name none

	art       activities.Artifacts
	manifests *manifests
	clusters  *clusters
	picks     *picks
	sub       *subscription // not nil while Changed waits: what was read wakes it
}

// open starts a call to the target of w.
func (p *Provider) open(ctx context.Context, op string, w activities.Work) (*session, error) {
	s := &session{op: op, w: w, art: p.artifacts, manifests: p.manifests, clusters: p.clusters, picks: p.picks}
	if w.Kubernetes != nil {
		s.k = *w.Kubernetes
	}
	return s.at(ctx, w.Target.Cluster)
}

// at returns the same call to another cluster; nil is the target's own.
func (s *session) at(ctx context.Context, c *rollout.Cluster) (*session, error) {
	if c == nil {
		c = s.w.Target.Cluster
	}
	if c == nil {
		c = &rollout.Cluster{}
	}
	other := *s
	conn, err := s.clusters.get(ctx, *c)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %s target %s: %w", s.op, s.w.Target.Name, err)
	}
	other.c = conn
	other.ns = cmp.Or(s.k.Namespace, c.Namespace, conn.namespace)
	return &other, nil
}

// canary is the name of the canary of an original.
func canaryOf(name string) string { return name + rollout.CanarySuffix }
