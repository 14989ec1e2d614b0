package netns

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Forward connects every connection that l accepts to address, until ctx ends. A socket
// stays in the network it was made in: when l comes from outside the namespace and
// address is inside, this is the way in. Open connections end with ctx.
func Forward(ctx context.Context, l net.Listener, address string) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		from, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of file descriptors, say: this connection is lost, the next may work
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		default:
			go join(ctx, from, address)
		}
	}
}

// join copies between from and a new connection to address, until both directions have
// ended. When address does not answer, from is closed: its dialer sees an end, not a wait.
func join(ctx context.Context, from net.Conn, address string) {
	defer end(from)
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer end(to)
	stop := context.AfterFunc(ctx, func() {
		end(from)
		end(to)
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { pour(to, from) })
	both.Go(func() { pour(from, to) })
	both.Wait()
}

// pour copies until src has no more, and tells dst so. An error of either side ends both
// directions, so that a reset does not look like a clean end.
func pour(dst, src net.Conn) {
	if _, err := io.Copy(dst, src); err != nil {
		reset(dst)
		reset(src)
		return
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side is gone: pour in the other direction sees it
		return
	}
	end(dst)
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	end(c)
}

// end closes c. What was not sent by now is of no use to anybody.
func end(c net.Conn) { _ = c.Close() }
