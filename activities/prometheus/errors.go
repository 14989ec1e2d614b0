package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/serin-dev/serin/rollout"
)

const (
	maxText  = 300 // of what of a server's words goes into an error, in bytes
	maxQuery = 200 // and of a query
)

func fail(q rollout.Query, k rollout.Kind, err error, fix string) error {
	on := fmt.Sprintf("%q", cut(q.Text, maxQuery))
	if checkAddress(q.Prometheus.Address) == nil { // another one may hold a password
		on += " at " + q.Prometheus.Address
	}
	return &rollout.Error{Op: "prometheus: query", On: on, Kind: k, Err: err, Fix: fix}
}

// typed gives err its kind: its own where it has one, else by what the API says. Whatever is
// no answer of the API is Unreachable.
func typed(q rollout.Query, c credentials, err error) error {
	var own *rollout.Error
	if errors.As(err, &own) {
		return fail(q, own.Kind, errors.New(c.hide(cmp.Or(plain(own), "refused"))), own.Fix)
	}
	var said *v1.Error
	if errors.As(err, &said) {
		if strings.HasPrefix(said.Msg, "unexpected value type") { // the client has no other word for a string
			return fail(q, rollout.Invalid, errors.New("it returned no number: a scalar, or a vector of one series"), "")
		}
		return fail(q, kindOf(said.Type), errors.New(cut(c.hide(string(said.Type)+": "+said.Msg), maxText)), "")
	}
	return fail(q, rollout.Unreachable, errors.New(cut(c.hide(network(err)), maxText)), "")
}

// plain is what e says without its fix, which fail says.
func plain(e *rollout.Error) string {
	if e.Err == nil {
		return ""
	}
	if strings.HasPrefix(e.Op, "read secret") {
		return strings.TrimSpace(e.Op+" "+e.On) + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

// kindOf tells the kind of an error of the API by its type.
func kindOf(t v1.ErrorType) rollout.Kind {
	switch t {
	case v1.ErrBadData, v1.ErrExec, v1.ErrClient:
		return rollout.Invalid
	case v1.ErrTimeout, v1.ErrCanceled, v1.ErrServer, v1.ErrBadResponse:
		return rollout.Unreachable
	default: // "unavailable", "internal", and what a proxy invents
		return rollout.Unreachable
	}
}

// network is why there was no answer, without the URL that fail names and, in a GET, would
// repeat the query.
func network(err error) string {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "its name is not known: " + dns.Err
	case errors.As(err, &op):
		return op.Err.Error()
	}
	if u := errors.Unwrap(err); u != nil {
		err = u
	}
	return err.Error()
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
