package kubernetes

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/serin-dev/serin/rollout"
)

const (
	probeTimeout = 2 * time.Second  // of one request
	probeTime    = 10 * time.Second // of all requests for one observation
	probeAgain   = time.Second      // until a state that is not confirmed is asked about again
	probeWorkers = 8                // requests at once
	probeMost    = 400              // requests for one observation
	probeNone    = 50               // answers, none of the canary, that confirm weight 0
	probeAll     = 20               // answers, all of the canary, that confirm weight 100
	probeBody    = 64 << 10         // bytes read of one answer
	probeDoubt   = 0.001            // how often a canary of the weight may be missed
)

// probe asks an address who answers there.
type probe struct {
	url    string
	header string // of the answer: the pod's name
	names  podNames
	client *http.Client
}

// newProbe returns the probe of a plan. Every request is a connection of its own, so that
// all replicas of a controller are asked.
func newProbe(p rollout.Probe, deployment string) probe {
	return probe{
		url: p.URL, header: p.Header,
		names: podNames{original: deployment, canary: canaryOf(deployment)},
		client: &http.Client{
			Timeout: probeTimeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
				TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// answers counts who answered.
type answers struct {
	canary, original int
	odd              int    // named no pod of either
	why              string // the last odd one, for people
}

func (a answers) total() int { return a.canary + a.original + a.odd }

// requests is how many requests find out whether the canary has p of them: enough to
// miss it once in a thousand times, as far as the bound allows.
func requests(p rollout.Weight) int {
	switch {
	case p <= 0:
		return probeNone
	case p >= 100:
		return probeAll
	}
	return min(probeMost, int(math.Ceil(math.Log(probeDoubt)/math.Log(1-float64(p)/100))))
}

// decided reports whether more answers would not change what a says about p.
func (a answers) decided(p rollout.Weight) bool {
	switch {
	case p <= 0:
		return a.canary > 0
	case p >= 100:
		return a.original > 0
	}
	return a.canary > 0
}

// disagrees says why a does not show that the canary has p of the requests, "" if it
// does. Between 0 and 100 one answer of the canary shows that the controller
// has taken the canary in; how often it answers is not measured.
func (a answers) disagrees(p rollout.Weight) string {
	var said string
	switch {
	case p <= 0 && a.canary > 0:
		said = fmt.Sprintf("the canary still gave %d of %s", a.canary, count(a.total(), "answer"))
	case p <= 0 && a.original < probeNone:
		said = fmt.Sprintf("the original gave %d of %s", a.original, count(a.total(), "answer"))
	case p >= 100 && a.original > 0:
		said = fmt.Sprintf("the original still gave %d of %s", a.original, count(a.total(), "answer"))
	case p >= 100 && a.canary < probeAll, p > 0 && a.canary == 0:
		said = fmt.Sprintf("the canary gave %d of %s", a.canary, count(a.total(), "answer"))
	default:
		return ""
	}
	if a.odd > 0 {
		said += fmt.Sprintf(", %d named no pod: %s", a.odd, a.why)
	}
	return said
}

// confirm says why the address does not show that the canary has p of the requests, ""
// if it does. What keeps it from answering is such a reason, not an error; the error is
// ctx's.
func (b probe) confirm(ctx context.Context, p rollout.Weight) (string, error) {
	u, err := url.Parse(b.url)
	if err != nil || u.Host == "" {
		return "the probe's address is no URL", nil
	}
	a := b.ask(ctx, p)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if text := a.disagrees(p); text != "" {
		return "probe " + u.Redacted() + ": " + text, nil
	}
	return "", nil
}

// ask sends the requests that p needs, a few at a time, until their answers decide.
func (b probe) ask(ctx context.Context, p rollout.Weight) answers {
	ctx, stop := context.WithTimeout(ctx, probeTime)
	defer stop()
	defer b.client.CloseIdleConnections()
	var (
		mu   sync.Mutex
		sum  answers
		left = requests(p)
		all  sync.WaitGroup
	)
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if left == 0 || ctx.Err() != nil || sum.decided(p) {
			return false
		}
		left--
		return true
	}
	for range min(probeWorkers, left) {
		all.Go(func() {
			for next() {
				pod, why := b.once(ctx)
				mu.Lock()
				b.add(&sum, pod, why)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return sum
}

// add counts one answer, by the name of the pod that gave it.
func (b probe) add(sum *answers, pod, why string) {
	switch {
	case strings.HasPrefix(pod, b.names.canary+"-"):
		sum.canary++
	case strings.HasPrefix(pod, b.names.original+"-"):
		sum.original++
	default:
		sum.odd++
		sum.why = cmp.Or(why, fmt.Sprintf("header %s is %q", b.header, cut(pod)))
	}
}

// once sends one request and returns the pod that answered, or what came instead.
func (b probe) once(ctx context.Context) (pod, why string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return "", cut(err.Error())
	}
	res, err := b.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the address, which is told already
		}
		return "", cut(err.Error())
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, probeBody)) // an answer that breaks off has its header
	if pod = res.Header.Get(b.header); pod == "" {
		return "", fmt.Sprintf("%s without header %s", res.Status, b.header)
	}
	return pod, ""
}
