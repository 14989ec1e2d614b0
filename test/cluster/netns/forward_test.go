package netns_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/serin-dev/serin/test/cluster/netns"
)

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// forward returns a connection to a forward to address, and what ends the forward.
func forward(t *testing.T, address string) (*net.TCPConn, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- netns.Forward(ctx, l, address) }()
	c, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, func() error { cancel(); return <-ended }
}

func TestForwardCarriesBothDirectionsAndTheEndOfEach(t *testing.T) {
	t.Parallel()
	server := listen(t)
	go func() { // answers only when it has been told that the question is over
		c, err := server.Accept()
		if err != nil {
			return
		}
		question, _ := io.ReadAll(c)
		_, _ = c.Write(append([]byte("you said "), question...))
		c.Close()
	}()
	c, _ := forward(t, server.Addr().String())
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || string(got) != "you said hello" {
		t.Errorf("read %q, %v, want %q", got, err, "you said hello")
	}
}

func TestForwardToNobodyEndsTheConnection(t *testing.T) {
	t.Parallel()
	nobody := listen(t)
	address := nobody.Addr().String()
	nobody.Close()
	c, _ := forward(t, address)
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("read %q, %v, want the end", got, err)
	}
}

func TestForwardEndsWithItsContextAndTakesConnectionsAlong(t *testing.T) {
	t.Parallel()
	server := listen(t)
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := server.Accept(); err == nil {
			accepted <- c
		}
	}()
	c, end := forward(t, server.Addr().String())
	inside := <-accepted
	defer inside.Close()
	if err := end(); err != nil {
		t.Errorf("Forward ended with %v, want nil", err)
	}
	for name, side := range map[string]net.Conn{"outside": c, "inside": inside} {
		if n, err := side.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: read %d bytes after the end", name, n)
		}
	}
}
