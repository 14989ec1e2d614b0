package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// call says what is being done, for the errors of it.
type call struct {
	op, on  string
	via     string // names Temporal where it is not what on names
	missing string // what to do when on does not exist
	acts    bool   // it changes something once a worker takes it
	same    string // what the workflow calls it, where that is not op and on
}

// remote is an error that a workflow returned. Its text is the workflow's own,
// without what Temporal adds about types and attempts.
type remote struct {
	text string
	err  error
}

func (r *remote) Error() string { return r.text }
func (r *remote) Unwrap() error { return r.err }

// restore turns what Temporal returned into a *rollout.Error. An error that is
// one already is returned as it is, and so is a context that was cancelled.
func restore(c call, err error) error {
	if err == nil || rollout.KindOf(err) != "" {
		return err
	}
	if app := application(err); app != nil {
		// The workflow may call it the same.
		text := strings.TrimPrefix(app.Message(), cmp.Or(c.same, c.op+" "+c.on)+": ")
		return c.fail(ofType(app.Type()), &remote{text: text, err: err}, "")
	}
	if ended := execution(c, err); ended != nil {
		return ended
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s: %w", c.op, c.on, err)
	}
	return service(c, err)
}

func (c call) fail(k rollout.Kind, err error, fix string) *rollout.Error {
	return &rollout.Error{Op: c.op, On: c.on, Kind: k, Fix: fix, Err: err}
}

// application returns the error of err's chain that a workflow or an activity
// returned: the first one whose type is a kind, otherwise the first one.
func application(err error) *temporal.ApplicationError {
	var first *temporal.ApplicationError
	for err != nil {
		var app *temporal.ApplicationError
		if !errors.As(err, &app) {
			break
		}
		if slices.Contains(kinds(), rollout.Kind(app.Type())) {
			return app
		}
		if first == nil {
			first = app
		}
		err = errors.Unwrap(app)
	}
	return first
}

// ofType returns the kind of an application error's type. Temporal itself uses
// one type: for an update whose workflow ended under it.
func ofType(t string) rollout.Kind {
	if k := rollout.Kind(t); slices.Contains(kinds(), k) {
		return k
	}
	if t == "AcceptedUpdateCompletedWorkflow" {
		return rollout.Refused
	}
	return rollout.Failed
}

// absent reports whether err says that a workflow does not exist, or no longer runs.
func absent(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

func kinds() []rollout.Kind {
	return []rollout.Kind{
		rollout.Invalid, rollout.NotFound, rollout.Conflict, rollout.Denied, rollout.Refused, rollout.Unsupported,
		rollout.Corrupt, rollout.Failed, rollout.Drift, rollout.Expired, rollout.Transient, rollout.Unreachable,
	}
}

// execution says how a workflow ended that returned no error of its own, or nil
// if err is something else.
func execution(c call, err error) error {
	var ended *temporal.WorkflowExecutionError
	if !errors.As(err, &ended) {
		return nil
	}
	switch {
	case temporal.IsTimeoutError(err):
		return c.fail(rollout.Expired, err, "")
	case temporal.IsTerminatedError(err), temporal.IsCanceledError(err):
		return c.fail(rollout.Failed, err, "somebody ended its workflow; its history says who")
	}
	return c.fail(rollout.Failed, err, "")
}

// service judges the error of a call to Temporal's server.
func service(c call, err error) error {
	var (
		noSpace *serviceerror.NamespaceNotFound
		missing *serviceerror.NotFound
		query   *serviceerror.QueryFailed
		stuck   *serviceerror.WorkflowNotReady
		started *serviceerror.WorkflowExecutionAlreadyStarted
	)
	switch {
	case errors.As(err, &noSpace):
		return c.fail(rollout.NotFound, err, "create the namespace, or name another one in TEMPORAL_NAMESPACE")
	case errors.As(err, &missing):
		return c.fail(rollout.NotFound, &remote{text: "it does not exist", err: err}, c.missing)
	case errors.As(err, &query):
		return c.fail(rollout.Failed, err, "")
	case errors.As(err, &stuck):
		return c.fail(rollout.Transient, err, "its worker fails or has only begun: see the worker's log, or the workflow's page")
	case errors.As(err, &started):
		return c.fail(rollout.Conflict, err, "")
	}
	return byCode(c, err)
}

// byCode judges by gRPC status: what all servers, proxies and gateways have in common.
func byCode(c call, err error) error {
	switch code := serviceerror.ToStatus(err).Code().String(); code {
	case "Unavailable", "DeadlineExceeded":
		c.on += c.via
		return c.fail(rollout.Unreachable, err, "is Temporal running there? TEMPORAL_ADDRESS or a profile names another address")
	case "PermissionDenied", "Unauthenticated":
		return c.fail(rollout.Denied, err, "check the credentials and what the namespace allows them")
	case "Canceled": // by the caller; the server's error is not the context's
		return fmt.Errorf("%s %s: %w: %w", c.op, c.on, context.Canceled, err)
	case "InvalidArgument":
		return c.fail(rollout.Invalid, err, "")
	case "Unimplemented":
		return c.fail(rollout.Unsupported, err, "the Temporal server is too old for this call")
	case "AlreadyExists":
		return c.fail(rollout.Conflict, err, "")
	case "ResourceExhausted", "Aborted", "Internal", "DataLoss":
		return c.fail(rollout.Transient, err, "")
	default:
		return c.fail(rollout.Failed, err, "")
	}
}
