package kubernetes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"golang.org/x/oauth2"
	googleauth "golang.org/x/oauth2/google"
	container "google.golang.org/api/container/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"k8s.io/client-go/rest"

	"github.com/serin-dev/serin/rollout"
)

const (
	scopeCloud = "https://www.googleapis.com/auth/cloud-platform"
	// maxAnswer bounds an answer of Google's that is read here, in bytes.
	maxAnswer = 1 << 20

	fixCredentials = "give this worker Application Default Credentials"
	fixGKE         = "grant roles/container.developer to this worker's identity, and check the cluster's name"
	fixMembership  = "grant roles/gkehub.gatewayEditor and roles/gkehub.viewer to this worker's identity, and check the membership's name"
)

// google finds clusters by their Google names. Its addresses are others in tests.
type google struct {
	container string // root of the GKE API; "" is Google's
	connect   string // root of the Connect gateway
	tokens    func(ctx context.Context) (oauth2.TokenSource, error)
}

func googleDefaults() google {
	return google{
		connect: "https://connectgateway.googleapis.com",
		tokens: func(ctx context.Context) (oauth2.TokenSource, error) {
			return googleauth.DefaultTokenSource(ctx, scopeCloud)
		},
	}
}

// source returns the worker's own tokens, which renew themselves.
func (g google) source(ctx context.Context) (oauth2.TokenSource, error) {
	source, err := g.tokens(context.WithoutCancel(ctx)) // it outlives the call
	if err != nil {
		return nil, failAccess(rollout.Denied, err, fixCredentials)
	}
	return source, nil
}

// gke asks GKE for the endpoint of c.
func (g google) gke(ctx context.Context, c rollout.Cluster) (*rest.Config, error) {
	if !regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/clusters/[^/]+$`).MatchString(c.GKE) {
		return nil, failAccess(rollout.Invalid, fmt.Errorf("cluster %q is not projects/PROJECT/locations/LOCATION/clusters/CLUSTER", c.GKE), "")
	}
	source, err := g.source(ctx)
	if err != nil {
		return nil, err
	}
	opts := []option.ClientOption{option.WithTokenSource(source), option.WithUserAgent(userAgent)}
	if g.container != "" {
		opts = append(opts, option.WithEndpoint(g.container))
	}
	api, err := container.NewService(ctx, opts...)
	if err != nil {
		return nil, failAccess(rollout.Denied, err, fixCredentials)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := api.Projects.Locations.Clusters.Get(c.GKE).Context(ctx).Do()
	if err != nil {
		return nil, failGoogle(c.GKE, err, fixGKE)
	}
	cfg, err := gkeConfig(c, got)
	if err != nil {
		return nil, err
	}
	cfg.Wrap(bearing(source))
	return cfg, nil
}

// gkeConfig picks the endpoint that c asks for. The DNS endpoint has a certificate
// of a public authority, the others that of the cluster.
func gkeConfig(c rollout.Cluster, got *container.Cluster) (*rest.Config, error) {
	ends := got.ControlPlaneEndpointsConfig
	if c.DNSEndpoint {
		if ends == nil || ends.DnsEndpointConfig == nil || ends.DnsEndpointConfig.Endpoint == "" {
			return nil, failAccess(rollout.Invalid, fmt.Errorf("%s has no DNS endpoint", c.GKE), "enable it, or leave dnsEndpoint away")
		}
		return &rest.Config{Host: "https://" + ends.DnsEndpointConfig.Endpoint}, nil
	}
	host, which := got.Endpoint, "endpoint"
	if c.InternalIP {
		host, which = privateEndpoint(got), "private endpoint"
	}
	if host == "" {
		return nil, failAccess(rollout.Invalid, fmt.Errorf("%s has no %s", c.GKE, which), "look at internalIp and dnsEndpoint of the target")
	}
	cfg := &rest.Config{Host: "https://" + host}
	if got.MasterAuth != nil {
		ca, err := base64.StdEncoding.DecodeString(got.MasterAuth.ClusterCaCertificate)
		if err != nil {
			return nil, failAccess(rollout.Invalid, fmt.Errorf("certificate of %s: %w", c.GKE, err), "")
		}
		cfg.CAData = ca
	}
	return cfg, nil
}

func privateEndpoint(got *container.Cluster) string {
	if p := got.PrivateClusterConfig; p != nil && p.PrivateEndpoint != "" {
		return p.PrivateEndpoint
	}
	if ends := got.ControlPlaneEndpointsConfig; ends != nil && ends.IpEndpointsConfig != nil {
		return ends.IpEndpointsConfig.PrivateEndpoint
	}
	return ""
}

// membership asks the Connect gateway for the endpoint of a member of a fleet. It
// alone knows the project's number and whether the member is a GKE cluster, which are
// both in the endpoint's path.
func (g google) membership(ctx context.Context, name string) (*rest.Config, error) {
	if !regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/memberships/[^/]+$`).MatchString(name) {
		return nil, failAccess(rollout.Invalid, fmt.Errorf("membership %q is not projects/PROJECT/locations/LOCATION/memberships/NAME", name), "")
	}
	source, err := g.source(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.connect+"/v1/"+name+":generateCredentials", nil)
	if err != nil {
		return nil, failAccess(rollout.Invalid, err, "")
	}
	client := &http.Client{Transport: bearing(source)(http.DefaultTransport)}
	res, err := client.Do(req)
	if err != nil {
		return nil, failAccess(rollout.Transient, err, "")
	}
	defer res.Body.Close()
	if err = googleapi.CheckResponse(res); err != nil {
		return nil, failGoogle(name, err, fixMembership)
	}
	var answer struct {
		Endpoint string `json:"endpoint"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer); err != nil {
		return nil, failAccess(rollout.Transient, fmt.Errorf("connect gateway: %w", err), "")
	}
	if !strings.Contains(answer.Endpoint, "://") {
		return nil, failAccess(rollout.Invalid, fmt.Errorf("connect gateway names the endpoint %q for %s", answer.Endpoint, name), "")
	}
	cfg := &rest.Config{Host: answer.Endpoint}
	cfg.Wrap(bearing(source))
	return cfg, nil
}

// bearing adds a token to each request.
func bearing(source oauth2.TokenSource) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		return &oauth2.Transport{Source: source, Base: base}
	}
}

func failGoogle(name string, err error, fix string) error {
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return failAccess(rollout.Transient, fmt.Errorf("%s: %w", name, err), "")
	}
	text := fmt.Errorf("%s: %d: %s", name, api.Code, cut(api.Message))
	switch {
	case api.Code == http.StatusUnauthorized || api.Code == http.StatusForbidden:
		return failAccess(rollout.Denied, text, fix)
	case api.Code == http.StatusNotFound:
		return failAccess(rollout.NotFound, text, fix)
	case api.Code == http.StatusTooManyRequests || api.Code >= http.StatusInternalServerError:
		return failAccess(rollout.Transient, text, "")
	default:
		return failAccess(rollout.Invalid, text, "")
	}
}
