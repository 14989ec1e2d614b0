package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
)

// Way is a way to a server that can be cut.
type Way struct {
	URL string

	address string // of the way
	server  string

	mu    sync.Mutex
	cut   bool
	all   int          // connections so far
	open  net.Listener // nil while it is cut
	conns map[net.Conn]struct{}
	slow  chan struct{} // not nil: nothing is answered until it is closed
	done  sync.WaitGroup
}

// NewWay opens a way to the server at root. Close it.
func NewWay(ctx context.Context, root string) (*Way, error) {
	u, err := url.Parse(root)
	if err != nil {
		return nil, err
	}
	w := &Way{server: u.Host, address: "127.0.0.1:0", conns: map[net.Conn]struct{}{}}
	if err := w.Up(ctx); err != nil {
		return nil, err
	}
	w.URL = "http://" + w.address
	return w, nil
}

// Up lets connections through again.
func (w *Way) Up(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", w.address)
	if err != nil {
		return fmt.Errorf("open a way: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.open, w.address = false, l, l.Addr().String()
	w.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // Down
			}
			w.done.Go(func() { w.carry(c) })
		}
	})
	return nil
}

// Down refuses connections, and breaks those there are.
func (w *Way) Down() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	if w.open != nil {
		_ = w.open.Close()
		w.open = nil
	}
	for c := range w.conns {
		_ = c.Close()
	}
}

// Slow holds every answer back, or no longer.
func (w *Way) Slow(slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case slow && w.slow == nil:
		w.slow = make(chan struct{})
	case !slow && w.slow != nil:
		close(w.slow)
		w.slow = nil
	}
}

// Connections returns how many there have been.
func (w *Way) Connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// Close cuts it for good.
func (w *Way) Close() {
	w.Slow(false)
	w.Down()
	w.done.Wait()
}

func (w *Way) carry(client net.Conn) {
	server, err := net.Dial("tcp", w.server) //nolint:noctx // on this machine it answers or refuses
	if err != nil {
		_ = client.Close()
		return
	}
	if !w.keep(client, server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
	both.Go(func() { _ = w.answer(client, server); _ = client.Close() })
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, client)
	delete(w.conns, server)
}

// keep remembers connections for Down, which may have come already.
func (w *Way) keep(both ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all++
	for _, c := range both {
		if w.cut {
			_ = c.Close()
			continue
		}
		w.conns[c] = struct{}{}
	}
	return !w.cut
}

// answer copies what the server says.
func (w *Way) answer(client, server net.Conn) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		w.mu.Lock()
		slow := w.slow
		w.mu.Unlock()
		if slow != nil {
			<-slow
		}
		_, lost := client.Write(buffer[:n])
		if err = errors.Join(err, lost); err != nil {
			return err
		}
	}
}
