package activities

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Hosts are those that a worker may send requests to for a configuration, SERIN_HTTP_HOSTS:
// "gate.shop.svc", "gate.shop.svc:8080" or "*.shop.svc". A request to another one could reach
// what only the worker can.
type Hosts []string

// Allow returns Denied unless u's host is one of h, or that of one of own, such as the
// address of the service itself. Only http and https are allowed.
func (h Hosts) Allow(u *url.URL, own ...string) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return &rollout.Error{Op: "send a request", On: "to " + u.Redacted(), Kind: rollout.Invalid, Err: fmt.Errorf("its scheme is %q, want http or https", u.Scheme)}
	}
	for _, each := range own {
		if o, err := url.Parse(each); err == nil && o.Host != "" && o.Host == u.Host {
			return nil
		}
	}
	if slices.ContainsFunc(h, func(allowed string) bool { return matches(allowed, u) }) {
		return nil
	}
	return &rollout.Error{
		Op: "send a request", On: "to " + u.Host, Kind: rollout.Denied,
		Err: fmt.Errorf("this worker may send requests to %s", h),
		Fix: "add the host to SERIN_HTTP_HOSTS of the worker that polls the target's task queue",
	}
}

func matches(allowed string, u *url.URL) bool {
	if rest, ok := strings.CutPrefix(allowed, "*."); ok {
		return strings.HasSuffix(u.Hostname(), "."+rest)
	}
	return allowed == u.Host || allowed == u.Hostname()
}

// String lists them, "no host" where there is none.
func (h Hosts) String() string {
	if len(h) == 0 {
		return "no host"
	}
	return strings.Join(h, ", ")
}
