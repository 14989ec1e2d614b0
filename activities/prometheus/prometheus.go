package prometheus

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"golang.org/x/oauth2"
	googleauth "golang.org/x/oauth2/google"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// DefaultTimeout is that of a query without one.
const DefaultTimeout = 10 * time.Second

// scopeRead is what a Google token of a query may be used for.
const scopeRead = "https://www.googleapis.com/auth/monitoring.read"

// Options are what an Analyzer needs beside its queries. The zero value knows no secret.
type Options struct {
	Secrets activities.Secrets
	// Hosts may be sent Secrets. A query without them may go anywhere: it changes nothing.
	Hosts activities.Hosts
	// Transport sends the requests; nil is one with its own connections.
	Transport http.RoundTripper
	// Tokens are this worker's own Google tokens, made when first needed; nil is Application
	// Default Credentials, only to read metrics.
	Tokens func(ctx context.Context) (oauth2.TokenSource, error)
	// GoogleHosts may be sent such a token; nil is "*.googleapis.com", over https.
	GoogleHosts activities.Hosts
}

var _ activities.Analyzer = (*Analyzer)(nil)

// Analyzer asks servers of metrics. It is safe for concurrent use and keeps connections, no
// answers: see Shared.
type Analyzer struct {
	client *http.Client
	access *access
}

// New returns an Analyzer for any number of servers.
func New(o Options) *Analyzer {
	base := o.Transport
	if base == nil {
		base = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			MaxIdleConns: 100, MaxIdleConnsPerHost: 8, IdleConnTimeout: 2 * time.Minute,
			TLSHandshakeTimeout: DefaultTimeout,
		}
	}
	if o.Tokens == nil {
		o.Tokens = func(ctx context.Context) (oauth2.TokenSource, error) {
			return googleauth.DefaultTokenSource(ctx, scopeRead)
		}
	}
	return &Analyzer{
		client: &http.Client{
			Transport: &transport{base: base},
			// Credentials stay with the host that the configuration names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		access: &access{secrets: o.Secrets, tokens: o.Tokens, google: o.GoogleHosts, hosts: o.Hosts},
	}
}

// Measure asks q at its server's own time. A scalar, and a vector of one series, are a value; no
// series, NaN and infinity are none. Errors: Invalid for a query that the server refuses, for an
// address that is none, and for more than one series, because choosing one would hide the
// others; Denied for credentials; Transient where the server asks to come later; Unreachable where
// it does not answer within the timeout, or no such API does, as behind a proxy while it restarts.
func (a *Analyzer) Measure(ctx context.Context, q rollout.Query) (rollout.Sample, error) {
	if err := checkAddress(q.Prometheus.Address); err != nil {
		return rollout.Sample{}, fail(q, rollout.Invalid, err, "")
	}
	timeout := cmp.Or(q.Prometheus.Timeout, DefaultTimeout)
	asking, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	creds, err := a.access.of(asking, q.Prometheus)
	if err != nil {
		return rollout.Sample{}, a.unanswered(ctx, q, creds, err)
	}
	client, err := api.NewClient(api.Config{Address: q.Prometheus.Address, Client: a.client})
	if err != nil {
		return rollout.Sample{}, fail(q, rollout.Invalid, err, "")
	}
	at := time.Now()
	value, _, _, err := v1.NewAPI(client).Query(creds.in(asking), q.Text, time.Time{}, v1.WithTimeout(timeout))
	if err != nil {
		return rollout.Sample{}, a.unanswered(ctx, q, creds, err)
	}
	s, err := sample(value)
	if err != nil {
		return rollout.Sample{}, fail(q, rollout.Invalid, err, "")
	}
	s.Time = at
	return s, nil
}

// unanswered gives an error of a query its kind. The end of ctx stays what it is.
func (a *Analyzer) unanswered(ctx context.Context, q rollout.Query, c credentials, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return typed(q, c, err)
}

// checkAddress refuses what is no address of a server, and one with a password in it.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return fmt.Errorf("its address is not a URL")
	case u.User != nil:
		return fmt.Errorf("its address holds credentials: refer to them by auth")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the scheme of its address %q is %q, want http or https", address, u.Scheme)
	case u.Host == "":
		return fmt.Errorf("its address %q names no host", address)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("its address %q is not only a host and a path", u.Host)
	}
	return nil
}

// sample returns the only value of an answer.
func sample(v model.Value) (rollout.Sample, error) {
	switch v := v.(type) {
	case *model.Scalar:
		return finite(float64(v.Value)), nil
	case model.Vector:
		switch {
		case len(v) == 0:
			return rollout.Sample{}, nil
		case len(v) > 1:
			return rollout.Sample{}, fmt.Errorf("it returned %d series, want 1: aggregate it, for example with sum()", len(v))
		case v[0].Histogram != nil:
			return rollout.Sample{}, fmt.Errorf("it returned a histogram, want a number: use, for example, histogram_quantile()")
		}
		return finite(float64(v[0].Value)), nil
	default:
		return rollout.Sample{}, fmt.Errorf("it returned a %s, want a number: a scalar, or a vector of one series", v.Type())
	}
}

// finite is v, or no value: a division by no requests says nothing about the ones there were not.
func finite(v float64) rollout.Sample {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return rollout.Sample{}
	}
	return rollout.Sample{Value: v, Found: true}
}
