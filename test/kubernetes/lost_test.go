package kubernetes_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// line is a network between a worker and the API server that can lose one write, or the
// answer to it.
type line struct {
	mu     sync.Mutex
	lose   string // "before" the server has it, or "after"
	lost   bool
	writes int
	onward http.Handler
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	when := ""
	if r.Method != http.MethodGet {
		l.mu.Lock()
		l.writes++
		when, l.lose = l.lose, ""
		l.lost = l.lost || when != ""
		l.mu.Unlock()
	}
	if when == "after" {
		l.onward.ServeHTTP(httptest.NewRecorder(), r)
	}
	if when != "" {
		panic(http.ErrAbortHandler)
	}
	l.onward.ServeHTTP(w, r)
}

// next breaks the next write and returns how many there were so far.
func (l *line) next(when string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose, l.lost = when, false
	return l.writes
}

func (l *line) state() (writes int, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = ""
	return l.writes, l.lost
}

// openLine puts a line between the scene's provider and its cluster.
func (s *coreScene) openLine() *line {
	s.Helper()
	target, err := url.Parse(s.cluster.Server)
	if err != nil {
		s.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	if proxy.Transport, err = rest.TransportFor(s.cluster.Config); err != nil {
		s.Fatal(err)
	}
	proxy.FlushInterval = -1 // a watch is read as it comes
	l := &line{onward: proxy}
	server := httptest.NewServer(l)
	s.Cleanup(server.Close)
	s.Cleanup(s.Close) // the watches end before the line does
	cfg := api.NewConfig()
	cfg.Clusters["line"] = &api.Cluster{Server: server.URL}
	cfg.AuthInfos["line"] = &api.AuthInfo{}
	cfg.Contexts["line"] = &api.Context{Cluster: "line", AuthInfo: "line"}
	cfg.CurrentContext = "line"
	path := filepath.Join(s.TempDir(), "line")
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		s.Fatal(err)
	}
	s.work.Target.Cluster = &rollout.Cluster{Kubeconfig: path, Namespace: s.namespace}
	return l
}

// coreLost: each write is lost once before the server has it, and its answer once after. Repeated, the
// command ends where it would have ended, and does not repeat what was done.
func coreLost(s *coreScene) { loses(s, coreGatewayPlan()) }

// freshLost is the same with fresh pods of stable beside the canary.
func freshLost(s *coreScene) {
	k := coreGatewayPlan()
	k.Fresh = true
	loses(s, k)
	s.wantGone("deployments", "shop-baseline")
}

func loses(s *coreScene, k *rollout.Kubernetes) {
	s.begin(coreDeployment("shop", "v1", "replicas: 2") + coreService("shop") + strings.ReplaceAll(coreRoute, "%s", s.namespace))
	l := s.openLine()
	w := s.release(2, coreDeployment("shop-canary", "v2")+coreService("shop-canary"))
	w.Kubernetes, w.Promotion, w.Phase, w.Weight = k, false, "canary-50", 50
	w.Stable = s.observe(w).Split.Serving()[0].Revision
	s.keepBaseline(&w)
	settle, half := w, w
	settle.Weight = 0
	last := s.release(2, coreDeployment("shop", "v2", "replicas: 2")+coreService("shop")+strings.ReplaceAll(coreRoute, "%s", s.namespace))
	last.Kubernetes, last.Stable, last.Baseline = w.Kubernetes, w.Stable, w.Baseline
	for _, c := range []struct {
		name string
		do   func(context.Context, activities.Work) error
		w    activities.Work
	}{
		{"settle", s.SetWeight, settle},
		{"deploy", s.Deploy, half},
		{"set weight", s.SetWeight, half},
		{"promote", s.Promote, last},
		{"set the last weight", s.SetWeight, last},
		{"remove", s.Remove, last},
	} {
		for s.breaks(l, "before", c.do, c.w) || s.breaks(l, "after", c.do, c.w) {
			s.Logf("%s: a write was lost", c.name)
		}
		s.until(c.w, c.name, coreSettled)
		before, _ := l.state()
		s.must(c.name, c.do, c.w)
		if after, _ := l.state(); after != before {
			s.Errorf("%s wrote %d times when repeated", c.name, after-before)
		}
	}
	if o := s.observe(last); o.Split.String() != "shop-2222222222 100%" {
		s.Errorf("in the end the split is %s", o.Split)
	}
}

// breaks runs a command with its next write broken, and reports whether it had one. A
// write that was done and whose answer was lost is not the next one again.
func (s *coreScene) breaks(l *line, when string, do func(context.Context, activities.Work) error, w activities.Work) bool {
	s.Helper()
	l.next(when)
	err := do(s.ctx, w)
	_, lost := l.state()
	switch {
	case !lost && err != nil:
		s.Fatalf("nothing was lost, and it ends with %v", err)
	case lost && rollout.KindOf(err) != rollout.Transient:
		s.Errorf("a write that was lost ends with %v, want Transient", err)
	}
	return lost && when == "after"
}
