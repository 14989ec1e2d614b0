package jobs

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxRedirects = 10
	dialTimeout  = 30 * time.Second
	keepAlive    = 30 * time.Second
)

// within returns a client that is led to no other host: what one host may be asked, another may not.
func within(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	}
	if own.Transport == nil {
		own.Transport = transport()
	}
	own.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &own
}

// transport is http.DefaultTransport's, but that names below localhost are this machine, as RFC 6761
// 6.3 says: not every resolver knows.
func transport() http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // somebody has put another one there
	}
	own := base.Clone()
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	own.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && isLocal(host) {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return dialer.DialContext(ctx, network, address)
	}
	own.Proxy = func(req *http.Request) (*url.URL, error) {
		if base.Proxy == nil || isLocal(req.URL.Hostname()) {
			return nil, nil
		}
		return base.Proxy(req)
	}
	return own
}

// isLocal reports whether host is "localhost" or a name below it.
func isLocal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
