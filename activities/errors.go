package activities

import (
	"context"
	"errors"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// maxText bounds an error text that goes into a history, in bytes.
const maxText = 2 << 10

// Application returns err as Temporal carries it: the kind is the type, only
// Transient is retried, and a platform's Retry-After is the delay. An error
// without a kind is Transient: a network that fails has none. A cancelled or
// expired context stays what it is.
func Application(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || temporal.IsCanceledError(err) {
		return err
	}
	kind, text := rollout.KindOf(err), err.Error()
	if kind == "" {
		kind = rollout.Transient
	}
	opts := temporal.ApplicationErrorOptions{NonRetryable: kind != rollout.Transient && kind != rollout.Unreachable}
	var e *rollout.Error
	if errors.As(err, &e) {
		opts.NextRetryDelay = e.After
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..." // a cut rune cannot be sent
	}
	return temporal.NewApplicationErrorWithOptions(text, string(kind), opts)
}

// Cause returns the kind and the text of an error that an activity returned to a
// workflow, without Temporal's own words around it. The kind of a
// timeout is Expired; that of a cancellation, and of no error, is "".
func Cause(err error) (rollout.Kind, string) {
	if err == nil {
		return "", ""
	}
	var timeout *temporal.TimeoutError
	var app *temporal.ApplicationError
	switch {
	case errors.As(err, &timeout): // first: its cause is an application error too
	case errors.As(err, &app):
		return rollout.Kind(app.Type()), app.Message()
	case temporal.IsCanceledError(err):
		return "", "terminated"
	}
	if timeout != nil {
		text := "no answer in time (" + timeout.TimeoutType().String() + ")"
		if last := timeout.Unwrap(); last != nil {
			if _, cause := Cause(last); cause != "" {
				text += ": " + cause
			}
		}
		return rollout.Expired, text
	}
	return rollout.KindOf(err), err.Error()
}

// NoWorker reports whether err says that no worker took the activity from its
// task queue in time.
func NoWorker(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}
