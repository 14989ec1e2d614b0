// Package cloudrun is the provider for Cloud Run services, and runs containers as Cloud Run jobs, on
// the Admin API v2.
//
// A release is one named revision, SERVICE-<10 hex of its template's digest>. If
// it exists only traffic moves. If it failed, a retry adds "-<attempt>". Traffic is written to named revisions only: a
// split that says LATEST would follow whatever is deployed next. What serves is
// read from trafficStatuses, never from traffic, which is what was asked for.
//
// The API has no compare-and-swap that can be relied on, so every write is
// preceded by a read, followed by a read-back (Observe), and stamped: a
// lastModifier that is not ours is drift.
package cloudrun

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	logging "google.golang.org/api/logging/v2"
	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

var (
	_ activities.Platform = (*Provider)(nil)
	_ activities.Runner   = (*Provider)(nil)
)

// Provider is the platform "cloudRun". Between calls it keeps only connections.
// It is safe for concurrent use.
type Provider struct {
	artifacts activities.Artifacts
	poll      polling

	mu      sync.Mutex
	clients map[string]*run.Service // by endpoint
	logs    map[string]*logging.Service
}

// Option changes a Provider while it is made.
type Option func(*Provider)

// WithPolling sets how often Changed and Run look at the platform: first after shortest,
// then twice as long each time up to longest. The default is 100 ms and 2 s.
func WithPolling(shortest, longest time.Duration) Option {
	return func(p *Provider) { p.poll = polling{shortest, longest} }
}

// New returns a provider that reads manifests and baselines from artifacts. It
// connects on first use: with Application Default Credentials to Google or to an
// https endpoint, without credentials to an http endpoint on this machine.
func New(artifacts activities.Artifacts, opts ...Option) *Provider {
	p := &Provider{
		artifacts: artifacts,
		poll:      polling{shortest: 100 * time.Millisecond, longest: 2 * time.Second},
		clients:   map[string]*run.Service{},
		logs:      map[string]*logging.Service{},
	}
	for _, o := range opts {
		o(p)
	}
	return p
}

// client returns the API at endpoint; "" is Google's.
func (p *Provider) client(ctx context.Context, endpoint string) (*run.Service, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.clients[endpoint]; ok {
		return c, nil
	}
	opts, err := dialing(endpoint)
	if err != nil {
		return nil, err
	}
	// A connection outlives the call that makes it.
	c, err := run.NewService(context.WithoutCancel(ctx), opts...)
	if err != nil {
		return nil, &rollout.Error{
			Op: "cloudRun: connect", On: endpoint, Kind: rollout.Denied, Err: err,
			Fix: "give this worker Application Default Credentials",
		}
	}
	p.clients[endpoint] = c
	return c, nil
}

func dialing(endpoint string) ([]option.ClientOption, error) {
	opts := []option.ClientOption{option.WithUserAgent("serin")}
	if endpoint == "" {
		return opts, nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err == nil && u.Scheme == "https" && u.Host != "":
		return append(opts, option.WithEndpoint(endpoint)), nil
	case err == nil && u.Scheme == "http" && loopback(u.Hostname()):
		return append(opts, option.WithEndpoint(endpoint), option.WithoutAuthentication()), nil
	default:
		return nil, &rollout.Error{
			Op: "cloudRun: connect", On: endpoint, Kind: rollout.Invalid,
			Err: errors.New("an endpoint is an https URL, or an http URL on this machine such as http://127.0.0.1:8085"),
		}
	}
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
