package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// What listens.
const (
	frontend     = "frontend"
	frontendHTTP = "frontend HTTP"
	history      = "history"
	matching     = "matching"
	worker       = "worker"
	ui           = "web UI"
)

// ports holds each port with a listener of its own until the one who will use
// it is about to bind it, because Temporal panics on a taken port and the Web UI
// exits the process.
type ports map[string]*reserved

type reserved struct {
	port     int
	listener net.Listener // nil when released
}

func wanted(o Options) map[string]int {
	w := map[string]int{frontend: o.Port, frontendHTTP: 0, history: 0, matching: 0, worker: 0}
	if !o.Headless {
		w[ui] = o.UIPort
	}
	return w
}

// reserve binds the port of each name, 0 being any free one. All or none.
func reserve(ctx context.Context, wanted map[string]int) (ports, error) {
	p := ports{}
	for name, port := range wanted {
		l, err := listen(ctx, port)
		if err != nil {
			return nil, errors.Join(portError(name, port, err), p.releaseAll())
		}
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("%s: listener has the address %v, not a TCP one", name, l.Addr())
		}
		p[name] = &reserved{port: addr.Port, listener: l}
	}
	return p, nil
}

// listen binds port, or with 0 a free one. A free one is looked for below the
// ports that systems give to outgoing connections (from 32768 on Linux, 16000 in some
// sandboxes), of which Temporal opens many to itself: one of them could take the
// port in the moment between its release and its use.
func listen(ctx context.Context, port int) (l net.Listener, err error) {
	const first, count, attempts = 2000, 14000, 100
	var c net.ListenConfig
	if port != 0 {
		return c.Listen(ctx, "tcp", join(port))
	}
	for range attempts {
		if l, err = c.Listen(ctx, "tcp", join(first+rand.IntN(count))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("find a free port: %w", err)
}

func portError(name string, port int, err error) error {
	if port != 0 && errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is taken: stop what listens there or choose another port: %w", name, join(port), err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (p ports) address(name string) string { return join(p[name].port) }

func (p ports) release(names ...string) error {
	var all error
	for _, n := range names {
		if r := p[n]; r.listener != nil {
			all = errors.Join(all, r.listener.Close())
			r.listener = nil
		}
	}
	return all
}

func (p ports) releaseAll() error {
	var all error
	for n := range p {
		all = errors.Join(all, p.release(n))
	}
	return all
}
