package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/serin-dev/serin/rollout"
)

const (
	userAgent = "serin"
	// endpointLife is how long what Google says of a cluster's endpoint is believed.
	endpointLife = time.Hour
	// podNamespace is where a pod finds the name of its namespace.
	podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// clusters keeps the connections, one for each cluster and set of credentials.
type clusters struct {
	options Options
	google  google

	mu    sync.Mutex
	known map[string]*link // by what the plan says of the cluster, without the namespace
}

// link is a connection and what it was made from. Its lock is held while it is made,
// so that a cluster that does not answer holds up nobody else.
type link struct {
	mu          sync.Mutex
	cluster     *cluster
	fingerprint string
	made        time.Time
}

func newClusters(o Options) *clusters {
	return &clusters{options: o, google: googleDefaults(), known: map[string]*link{}}
}

// get returns the connection to c. Credentials that have changed make a new one, and
// the watches of the old one end.
func (cs *clusters) get(ctx context.Context, c rollout.Cluster) (*cluster, error) {
	c.Namespace = ""
	place, err := json.Marshal(c)
	if err != nil {
		return nil, failAccess(rollout.Invalid, err, "")
	}
	l := cs.link(string(place))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cluster != nil && (c.GKE != "" || c.Membership != "") && time.Since(l.made) < endpointLife {
		return l.cluster, nil
	}
	cfg, namespace, err := cs.config(ctx, c)
	if err != nil {
		return nil, err
	}
	from := fingerprint(cfg, namespace)
	if l.cluster != nil && l.fingerprint == from {
		l.made = time.Now()
		return l.cluster, nil
	}
	cfg.UserAgent, cfg.QPS, cfg.Burst = userAgent, cs.options.QPS, cs.options.Burst
	made, err := newCluster(cfg, namespace)
	if err != nil {
		return nil, failAccess(rollout.Invalid, err, "")
	}
	if l.cluster != nil {
		l.cluster.view.close()
	}
	l.cluster, l.fingerprint, l.made = made, from, time.Now()
	return made, nil
}

func (cs *clusters) link(place string) *link {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	l, ok := cs.known[place]
	if !ok {
		l = &link{}
		cs.known[place] = l
	}
	return l
}

func (cs *clusters) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, l := range cs.known {
		l.mu.Lock()
		if l.cluster != nil {
			l.cluster.view.close()
		}
		l.mu.Unlock()
	}
}

// config returns how to reach c, and the namespace of objects that name none.
func (cs *clusters) config(ctx context.Context, c rollout.Cluster) (*rest.Config, string, error) {
	var cfg *rest.Config
	var err error
	namespace := "default"
	switch {
	case c.GKE != "":
		cfg, err = cs.google.gke(ctx, c)
	case c.Membership != "":
		cfg, err = cs.google.membership(ctx, c.Membership)
	case c.Kubeconfig == "" && c.Context == "" && os.Getenv("KUBERNETES_SERVICE_HOST") != "":
		cfg, namespace, err = inCluster()
	default:
		cfg, namespace, err = kubeconfig(c.Kubeconfig, c.Context)
	}
	if err != nil {
		return nil, "", err
	}
	if c.ProxyURL != "" {
		proxy, err := url.Parse(c.ProxyURL)
		if err != nil || proxy.Host == "" {
			return nil, "", failAccess(rollout.Invalid, fmt.Errorf("proxyUrl %q is not a URL", c.ProxyURL), "")
		}
		cfg.Proxy = http.ProxyURL(proxy)
	}
	return cfg, namespace, nil
}

func inCluster() (*rest.Config, string, error) {
	cfg, err := rest.InClusterConfig()
	if err != nil {
		return nil, "", failAccess(rollout.Denied, fmt.Errorf("this pod has no service account: %w", err),
			"set automountServiceAccountToken on it, or name a kubeconfig")
	}
	name, err := os.ReadFile(podNamespace)
	if err != nil {
		return cfg, "default", nil //nolint:nilerr // a pod may be without the file; its namespace is then the default
	}
	return cfg, strings.TrimSpace(string(name)), nil
}

// kubeconfig reads a file, or the worker's own files where path is "".
func kubeconfig(path, contextName string) (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	loaded, err := rules.Load()
	if err != nil {
		return nil, "", failAccess(rollout.Invalid, fmt.Errorf("kubeconfig %s: %w", cmp.Or(path, "of this worker"), err), "")
	}
	name := cmp.Or(contextName, loaded.CurrentContext)
	if _, ok := loaded.Contexts[name]; !ok {
		return nil, "", noContext(path, name, sortedKeys(loaded.Contexts))
	}
	client := clientcmd.NewNonInteractiveClientConfig(*loaded, name, &clientcmd.ConfigOverrides{}, rules)
	cfg, err := client.ClientConfig()
	if err != nil {
		return nil, "", failAccess(rollout.Invalid, fmt.Errorf("context %q: %w", name, err), "")
	}
	namespace, _, err := client.Namespace()
	if err != nil {
		return nil, "", failAccess(rollout.Invalid, fmt.Errorf("context %q: %w", name, err), "")
	}
	return cfg, namespace, nil
}

func noContext(path, name string, have []string) error {
	where := cmp.Or(path, "of this worker")
	switch {
	case len(have) == 0:
		return failAccess(rollout.NotFound, fmt.Errorf("the kubeconfig %s has no contexts, and this worker runs in no cluster", where),
			"set KUBECONFIG for this worker, or name a cluster in the target")
	case name == "":
		return failAccess(rollout.Invalid, fmt.Errorf("the kubeconfig %s has no current context", where),
			"name one in the target: "+strings.Join(have, ", "))
	default:
		return failAccess(rollout.NotFound, fmt.Errorf("the kubeconfig %s has no context %q, it has %s", where, name, strings.Join(have, ", ")), "")
	}
}

func failAccess(kind rollout.Kind, err error, fix string) error {
	return &rollout.Error{Op: "connect", Kind: kind, Err: err, Fix: fix}
}

// fingerprint tells two sets of credentials apart. Tokens that are fetched anew by
// themselves are no part of it.
func fingerprint(cfg *rest.Config, namespace string) string {
	var all []string
	add := func(parts ...string) { all = append(all, strconv.Itoa(len(parts))); all = append(all, parts...) }
	tls := cfg.TLSClientConfig
	add(namespace, cfg.Host, cfg.APIPath, cfg.Username, cfg.Password, cfg.BearerToken, cfg.BearerTokenFile)
	add(tls.ServerName, tls.CAFile, tls.CertFile, tls.KeyFile, fmt.Sprint(tls.Insecure))
	add(string(tls.CAData), string(tls.CertData), string(tls.KeyData), cfg.Impersonate.UserName)
	add(cfg.Impersonate.Groups...)
	if cfg.ExecProvider != nil {
		add(cfg.ExecProvider.Command)
		add(cfg.ExecProvider.Args...)
		for _, e := range cfg.ExecProvider.Env {
			add(e.Name, e.Value)
		}
	}
	if cfg.AuthProvider != nil {
		add(cfg.AuthProvider.Name)
	}
	return sum(all)
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
