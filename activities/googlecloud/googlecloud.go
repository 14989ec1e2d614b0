// Package googlecloud looks for what Google Cloud has noticed about a release: open alerts of Cloud
// Monitoring, and groups of errors in Error Reporting. It only reads, with the worker's Application
// Default Credentials.
package googlecloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	reporting "google.golang.org/api/clouderrorreporting/v1beta1"
	monitoring "google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"

	"github.com/serin-dev/serin/rollout"
)

// Client asks Google Cloud. Between calls it keeps only connections. It is safe for concurrent use.
type Client struct {
	alertsAt, errorsAt endpoint

	mu         sync.Mutex
	monitoring *monitoring.Service // nil until it is needed
	reporting  *reporting.Service
}

// endpoint is the root of an API; "" is Google's.
type endpoint string

// Option changes a Client while it is made.
type Option func(*Client)

// WithEndpoints sets the roots of the APIs of Cloud Monitoring and Error Reporting, each an https URL or
// an http URL on this machine, which gets no credentials. "" is Google's.
func WithEndpoints(alerts, errorReporting string) Option {
	return func(c *Client) { c.alertsAt, c.errorsAt = endpoint(alerts), endpoint(errorReporting) }
}

// New returns a client that looks for credentials when it is first asked.
func New(opts ...Option) *Client {
	c := &Client{}
	for _, o := range opts {
		o(c)
	}
	return c
}

func (c *Client) dialMonitoring(ctx context.Context) (*monitoring.Service, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return dial(ctx, c.alertsAt, &c.monitoring, monitoring.NewService)
}

func (c *Client) dialReporting(ctx context.Context) (*reporting.Service, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return dial(ctx, c.errorsAt, &c.reporting, reporting.NewService)
}

// dial makes a service where there is none yet. Its connection outlives the call. What was not made is tried
// again by the next call: credentials may come.
func dial[S any](ctx context.Context, at endpoint, made **S, create func(context.Context, ...option.ClientOption) (*S, error)) (*S, error) {
	if *made != nil {
		return *made, nil
	}
	opts, err := at.options()
	if err != nil {
		return nil, err
	}
	s, err := create(context.WithoutCancel(ctx), opts...)
	if err != nil {
		return nil, &rollout.Error{
			Op: "googleCloud: connect", On: string(at), Kind: rollout.Denied, Err: err,
			Fix: "give this worker Application Default Credentials",
		}
	}
	*made = s
	return s, nil
}

func (at endpoint) options() ([]option.ClientOption, error) {
	opts := []option.ClientOption{option.WithUserAgent("serin")}
	if at == "" {
		return opts, nil
	}
	u, err := url.Parse(string(at))
	switch {
	case err == nil && u.Scheme == "https" && u.Host != "":
		return append(opts, option.WithEndpoint(string(at))), nil
	case err == nil && u.Scheme == "http" && loopback(u.Hostname()):
		return append(opts, option.WithEndpoint(string(at)), option.WithoutAuthentication()), nil
	default:
		return nil, invalid("connect", string(at), errors.New("an endpoint is an https URL, or an http URL on this machine such as http://127.0.0.1:8085"))
	}
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// parent returns "projects/P". A name with a slash would ask for something else.
func parent(op, project string) (string, error) {
	if project == "" || strings.ContainsAny(project, "/?#%") || project == "." || project == ".." {
		return "", invalid(op, fmt.Sprintf("project %q", project), errors.New("it is no id or number of a project"))
	}
	return "projects/" + project, nil
}
