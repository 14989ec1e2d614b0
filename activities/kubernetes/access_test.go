package kubernetes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	container "google.golang.org/api/container/v1"

	"github.com/serin-dev/serin/rollout"
)

const accessKubeconfig = `apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://127.0.0.1:1"}}
users:
- {name: me, user: {token: %s}}
contexts:
- {name: prod, context: {cluster: one, user: me, namespace: shop}}
- {name: test, context: {cluster: one, user: me}}
current-context: %q
`

func TestAKubeconfigGivesOneConnectionPerSetOfCredentials(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	write := func(token, current string) {
		t.Helper()
		if err := os.WriteFile(path, fmt.Appendf(nil, accessKubeconfig, token, current), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cs := newClusters(Options{QPS: 1, Burst: 1})
	get := func(c rollout.Cluster) (*cluster, error) {
		c.Kubeconfig = path
		return cs.get(t.Context(), c)
	}
	write("a", "prod")
	first, err := get(rollout.Cluster{})
	if err != nil || first.namespace != "shop" {
		t.Fatalf("the current context gives %+v, %v, want namespace shop", first, err)
	}
	var again, other, changed *cluster
	if again, err = get(rollout.Cluster{Namespace: "other"}); err != nil || again != first {
		t.Errorf("the same cluster for another namespace has another connection (%v)", err)
	}
	if other, err = get(rollout.Cluster{Context: "test"}); err != nil || other == first || other.namespace != "default" {
		t.Errorf("another context gives %+v, %v, want namespace default", other, err)
	}
	write("b", "prod")
	if changed, err = get(rollout.Cluster{}); err != nil || changed == first {
		t.Errorf("changed credentials keep the old connection (%v)", err)
	}
	if _, err = get(rollout.Cluster{Context: "gone"}); rollout.KindOf(err) != rollout.NotFound || !strings.Contains(err.Error(), "prod, test") {
		t.Errorf("a context that does not exist ends with %v, want NotFound and those that do", err)
	}
	if _, err = get(rollout.Cluster{ProxyURL: "nonsense"}); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("a proxy that is no URL ends with %v, want Invalid", err)
	}
	write("b", "")
	if _, err = get(rollout.Cluster{}); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("no current context ends with %v, want Invalid", err)
	}
	path += "-gone"
	if _, err = get(rollout.Cluster{}); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("a file that does not exist ends with %v, want Invalid", err)
	}
}

// fakeCluster is an API server that wants the token "secret".
func fakeCluster(t *testing.T, serve func(http.Handler) *httptest.Server) *httptest.Server {
	t.Helper()
	s := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || !strings.HasPrefix(r.UserAgent(), userAgent) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"major":"1","minor":"36","gitVersion":"v1.36.3"}`))
	}))
	t.Cleanup(s.Close)
	return s
}

func fakeGoogle(t *testing.T, answer func(r *http.Request) (int, any)) google {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, body := answer(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(s.Close)
	return google{
		container: s.URL, connect: s.URL,
		tokens: func(context.Context) (oauth2.TokenSource, error) {
			return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"}), nil
		},
	}
}

func TestAGKEClusterIsReached(t *testing.T) {
	t.Parallel()
	api := fakeCluster(t, httptest.NewTLSServer)
	host := strings.TrimPrefix(api.URL, "https://")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	asked := 0
	cs := newClusters(Options{QPS: 10, Burst: 10})
	cs.google = fakeGoogle(t, func(r *http.Request) (int, any) {
		asked++
		if r.URL.Path != "/v1/projects/p/locations/l/clusters/c" {
			return http.StatusNotFound, map[string]any{"error": map[string]any{"code": 404, "message": "no " + r.URL.Path}}
		}
		return http.StatusOK, container.Cluster{
			Endpoint: "192.0.2.1", PrivateClusterConfig: &container.PrivateClusterConfig{PrivateEndpoint: host},
			MasterAuth: &container.MasterAuth{ClusterCaCertificate: base64.StdEncoding.EncodeToString(ca)},
		}
	})
	at := rollout.Cluster{GKE: "projects/p/locations/l/clusters/c", InternalIP: true}
	for range 2 {
		c, err := cs.get(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := c.disco.ServerVersion(); err != nil || v.Minor != "36" {
			t.Errorf("version is %v, %v", v, err)
		}
	}
	if asked != 1 {
		t.Errorf("Google was asked %d times, want once", asked)
	}
	at.GKE += "x"
	if _, err := cs.get(t.Context(), at); rollout.KindOf(err) != rollout.NotFound {
		t.Errorf("a cluster that does not exist ends with %v, want NotFound", err)
	}
	if _, err := cs.get(t.Context(), rollout.Cluster{GKE: "c"}); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("a short name ends with %v, want Invalid", err)
	}
}

func TestTheEndpointOfAGKEClusterIsChosen(t *testing.T) {
	t.Parallel()
	all := &container.Cluster{
		Endpoint: "public", MasterAuth: &container.MasterAuth{ClusterCaCertificate: base64.StdEncoding.EncodeToString([]byte("ca"))},
		ControlPlaneEndpointsConfig: &container.ControlPlaneEndpointsConfig{
			DnsEndpointConfig: &container.DNSEndpointConfig{Endpoint: "name"},
			IpEndpointsConfig: &container.IPEndpointsConfig{PrivateEndpoint: "private"},
		},
	}
	none := &container.Cluster{}
	for _, row := range []struct {
		name     string
		ask      rollout.Cluster
		got      *container.Cluster
		host, ca string
		kind     rollout.Kind
	}{
		{"public", rollout.Cluster{}, all, "https://public", "ca", ""},
		{"private", rollout.Cluster{InternalIP: true}, all, "https://private", "ca", ""},
		{"by name", rollout.Cluster{DNSEndpoint: true}, all, "https://name", "", ""},
		{"no public", rollout.Cluster{}, none, "", "", rollout.Invalid},
		{"no private", rollout.Cluster{InternalIP: true}, none, "", "", rollout.Invalid},
		{"no name", rollout.Cluster{DNSEndpoint: true}, none, "", "", rollout.Invalid},
	} {
		cfg, err := gkeConfig(row.ask, row.got)
		if rollout.KindOf(err) != row.kind {
			t.Errorf("%s: error is %v, want kind %q", row.name, err, row.kind)
		}
		if err == nil && (cfg.Host != row.host || string(cfg.CAData) != row.ca) {
			t.Errorf("%s: host is %s with authority %q, want %s with %q", row.name, cfg.Host, cfg.CAData, row.host, row.ca)
		}
	}
}

func TestAMemberOfAFleetIsReached(t *testing.T) {
	t.Parallel()
	api := fakeCluster(t, httptest.NewServer)
	answer := http.StatusOK
	cs := newClusters(Options{QPS: 10, Burst: 10})
	cs.google = fakeGoogle(t, func(r *http.Request) (int, any) {
		if r.URL.Path != "/v1/projects/p/locations/global/memberships/m:generateCredentials" || r.Header.Get("Authorization") != "Bearer secret" {
			return http.StatusBadRequest, nil
		}
		return answer, map[string]any{"endpoint": api.URL + "/v1/projects/7/locations/global/gkeMemberships/m"}
	})
	at := rollout.Cluster{Membership: "projects/p/locations/global/memberships/m"}
	c, err := cs.get(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.disco.ServerVersion(); err != nil || v.Minor != "36" {
		t.Errorf("version is %v, %v", v, err)
	}
	at.Context = "another link" // so that it is asked again
	for code, want := range map[int]rollout.Kind{
		http.StatusForbidden: rollout.Denied, http.StatusNotFound: rollout.NotFound, http.StatusServiceUnavailable: rollout.Transient,
	} {
		answer = code
		if _, err := cs.get(t.Context(), at); rollout.KindOf(err) != want {
			t.Errorf("%d ends with %v, want %s", code, err, want)
		}
	}
}
