package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	certutil "k8s.io/client-go/util/cert"
)

// logPort is where an API server asks a kubelet.
const logPort = 10250

// serveLogs answers the API server until stop is called. It does not look who asks, nor does the API
// server: the certificate is nobody's.
func (n *node) serveLogs(ctx context.Context) (stop func(), err error) {
	host := n.addresses.host.String()
	certificate, key, err := certutil.GenerateSelfSignedCertKey(host, []net.IP{n.addresses.host.AsSlice()}, nil)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(logPort)))
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: n.logs(), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() {
		if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			_, _ = fmt.Fprintln(&lines{output: n.output, prefix: Name}, err)
		}
	}()
	return func() { _ = server.Close() }, nil
}

// logs answers for the last lines of a container, all that are kept unless tailLines says how many.
func (n *node) logs() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		c := n.container(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
		if c == nil {
			http.Error(w, "no such container on this node", http.StatusNotFound)
			return
		}
		tail, err := strconv.Atoi(r.FormValue("tailLines"))
		if err != nil {
			tail = maxKept
		}
		text := strings.Join(append(c.out.last(tail), ""), "\n")
		if limit, err := strconv.Atoi(r.FormValue("limitBytes")); err == nil {
			text = text[:min(limit, len(text))]
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, text)
	})
	return mux
}

// container finds one by name; nil where this node has none of that name.
func (n *node) container(namespace, name, container string) *container {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.origin.Namespace != namespace || p.origin.Name != name {
			continue
		}
		for _, c := range append(p.initial[:len(p.initial):len(p.initial)], p.main...) {
			if c.spec.Name == container {
				return c
			}
		}
	}
	return nil
}
