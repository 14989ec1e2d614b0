package embedded

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"
)

func TestNothingListensBeyondLoopback(t *testing.T) {
	t.Parallel()
	outside := otherAddress(t)
	o := Options{Ephemeral: true}
	st, err := newStore(o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := reserve(t.Context(), wanted(o))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{log: newLogger(nil), address: p.address(frontend), closers: []func() error{st.close, p.releaseAll}}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := st.prepare(s.address); err != nil {
		t.Fatal(err)
	}
	if err := s.serve(t.Context(), st, p); err != nil {
		t.Fatal(err)
	}
	if err := s.serveUI(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for name, r := range p {
		if !accepts(t.Context(), host, r.port) {
			t.Errorf("%s does not listen on %s:%d", name, host, r.port)
		}
		if accepts(t.Context(), outside, r.port) {
			t.Errorf("%s listens on %s:%d", name, outside, r.port)
		}
	}
}

func accepts(ctx context.Context, ip string, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	return err == nil && c.Close() == nil
}

// otherAddress is an address of this machine that is not loopback.
func otherAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address besides loopback")
	return ""
}
