package gateway

import (
	"net/http"
	"regexp"
	"slices"
	"sync"
)

// Canary is what makes one request go to the second backend of an Ingress rule, or surely not to it, whatever the
// weights say. The header comes first, then the cookie, then the weights, as in ingress-nginx.
type Canary struct {
	Header  string         // header's name; its value "always" or "never" decides
	Value   string         // with it the header decides for the canary when it is this value, else not at all
	Pattern *regexp.Regexp // as Value, for a pattern; not used together with Value
	Cookie  string         // cookie's name; its value "always" or "never" decides
}

// decides returns whether r goes to the canary, and whether the request itself says so at all.
func (c *Canary) decides(r *http.Request) (canary, decided bool) {
	if c == nil {
		return false, false
	}
	if got := r.Header.Get(c.Header); c.Header != "" && got != "" {
		switch {
		case c.Value != "":
			canary = got == c.Value
			decided = canary
		case c.Pattern != nil:
			canary = c.Pattern.MatchString(got)
			decided = canary
		default:
			canary, decided = got == "always", got == "always" || got == "never"
		}
	}
	if decided || c.Cookie == "" {
		return canary, decided
	}
	cookie, err := r.Cookie(c.Cookie)
	if err != nil { // no such cookie
		return false, false
	}
	return cookie.Value == "always", cookie.Value == "always" || cookie.Value == "never"
}

// choose returns the backend that serves r: the one the request asks for, else the next of the wheel. Nil: no
// backend has any weight.
func (r *Rule) choose(req *http.Request, w *wheel) *Backend {
	if canary, decided := r.Canary.decides(req); decided {
		if canary {
			return &r.Backends[1]
		}
		return &r.Backends[0]
	}
	if i := w.next(); i >= 0 {
		return &r.Backends[i]
	}
	return nil
}

// wheel deals requests out to weights by smooth weighted round robin: after every sum-of-weights requests each
// weight got exactly its share, and in between no share is served in a burst.
type wheel struct {
	weights []int64
	mu      sync.Mutex
	credit  []int64
}

func newWheel(backends []Backend) *wheel {
	w := &wheel{weights: weights(backends)}
	w.credit = make([]int64, len(w.weights))
	return w
}

func weights(backends []Backend) []int64 {
	ws := make([]int64, len(backends))
	for i, b := range backends {
		ws[i] = b.Weight
	}
	return ws
}

// fits tells whether the wheel deals out to these backends' weights.
func (w *wheel) fits(backends []Backend) bool {
	return slices.Equal(w.weights, weights(backends))
}

// next returns the index of the weight whose turn it is, -1 if all are zero.
func (w *wheel) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	best, total := -1, int64(0)
	for i, weight := range w.weights {
		if weight == 0 {
			continue
		}
		total += weight
		w.credit[i] += weight
		if best < 0 || w.credit[i] > w.credit[best] {
			best = i
		}
	}
	if best >= 0 {
		w.credit[best] -= total
	}
	return best
}
