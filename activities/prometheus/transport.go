package prometheus

import (
	"fmt"
	"io"
	"net/http"

	"github.com/serin-dev/serin/rollout"
)

// maxBody bounds how much of an answer is read, in bytes. The answer of a query that is meant to
// give one value has a few hundred.
const maxBody = 1 << 20

// transport sends the credentials of a request's context, and tells apart the answers whose
// status alone says what they are.
type transport struct{ base http.RoundTripper }

// RoundTrip leaves req as it is.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if c, ok := req.Context().Value(credentialsKey{}).(credentials); ok {
		for name, value := range c.headers {
			req.Header.Set(name, value)
			if http.CanonicalHeaderKey(name) == "Host" {
				req.Host = value
			}
		}
		if c.authorization != "" {
			req.Header.Set("Authorization", c.authorization)
		}
	}
	res, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if err := refused(req, res); err != nil {
		res.Body.Close()
		return nil, err
	}
	res.Body = &bounded{ReadCloser: res.Body, left: maxBody}
	return res, nil
}

// refused returns what an answer's status says, or nil if its body says more. A query that may
// not be posted is asked again with GET, by the client.
func refused(req *http.Request, res *http.Response) error {
	e := &rollout.Error{Op: "send a query", Err: fmt.Errorf("the server answers %s", res.Status)}
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden && req.Method == http.MethodGet:
		e.Kind, e.Fix = rollout.Denied, fixAuth
	case code >= 300 && code < 400:
		e.Kind, e.Fix = rollout.Invalid, "use the address that it redirects to"
	case code == http.StatusNotFound:
		e.Kind, e.Fix = rollout.Unreachable, "check the address: it is what /api/v1/query is appended to"
	case code == http.StatusTooManyRequests:
		e.Kind = rollout.Transient
	case code >= http.StatusInternalServerError && code != http.StatusNotImplemented:
		e.Kind = rollout.Unreachable
	default:
		return nil
	}
	return e
}

// bounded refuses to read more than left: cutting an answer would make another one of it.
type bounded struct {
	io.ReadCloser

	left int
}

// Read counts.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, &rollout.Error{Op: "read an answer", Kind: rollout.Invalid, Err: fmt.Errorf("it has more than %d bytes", maxBody), Fix: "aggregate the query, for example with sum()"}
	}
	return n, err
}
