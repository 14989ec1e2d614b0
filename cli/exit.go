package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// The exit codes. Scripts depend on them.
const (
	exitDone        = 0
	exitFailed      = 1 // the command failed
	exitBadInput    = 2
	exitRolledBack  = 3 // the rollout failed or was rolled back
	exitWaiting     = 4 // the rollout waits for advance, approval or a person
	exitTimedOut    = 5
	exitUnreachable = 6 // Temporal does not answer
)

// exitCode decides the exit code, here and nowhere else.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	var end *standing
	if errors.As(err, &end) {
		return end.code()
	}
	switch rollout.KindOf(err) {
	case rollout.Invalid, rollout.Unsupported:
		return exitBadInput
	case rollout.Expired:
		return exitTimedOut
	case rollout.Unreachable:
		return exitUnreachable
	case rollout.NotFound, rollout.Conflict, rollout.Denied, rollout.Refused, rollout.Corrupt,
		rollout.Failed, rollout.Drift, rollout.Transient:
		return exitFailed
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return exitTimedOut
	}
	return exitFailed
}

// standing is a rollout that does not stand where the command wanted it: it ended
// other than SUCCEEDED, or it waits for somebody.
type standing struct{ status rollout.Status }

// ended returns nil for a rollout that SUCCEEDED, and what it is instead as an error.
func ended(s rollout.Status) error {
	if s.State == rollout.StateSucceeded {
		return nil
	}
	return &standing{status: s}
}

// kind is the rollout's state, or WAITING.
func (e *standing) kind() string {
	if e.code() == exitWaiting {
		return "WAITING"
	}
	return string(e.status.State)
}

func (e *standing) code() int {
	switch e.status.State {
	case rollout.StateSucceeded:
		return exitDone
	case rollout.StateFailed, rollout.StateCancelled, rollout.StateApprovalRejected:
		return exitRolledBack
	case rollout.StateHalted, rollout.StatePendingApproval:
		return exitWaiting
	case rollout.StateInProgress, rollout.StatePending, rollout.StatePendingRelease, rollout.StateCancelling:
	}
	if somebody(e.status) {
		return exitWaiting
	}
	return exitFailed
}

// Error says where the rollout stands and what ends the wait.
func (e *standing) Error() string {
	s := e.status
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.Rollout, s.State)
	if s.Failure != "" {
		fmt.Fprintf(&b, ": %s", s.Failure)
	}
	if s.Restored {
		b.WriteString("; all traffic was put back")
	}
	if w := waitOf(s); w != nil {
		fmt.Fprintf(&b, ", waits for %s", w.For)
		if w.Reason != s.Failure {
			fmt.Fprintf(&b, ": %s", w.Reason)
		}
		if len(w.Commands) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(w.Commands, " or "))
		}
	}
	return b.String()
}

// somebody reports whether nothing will happen until somebody acts.
func somebody(s rollout.Status) bool {
	if s.State == rollout.StateHalted || s.State == rollout.StatePendingApproval {
		return true
	}
	return s.Waiting != nil &&
		slices.Contains([]rollout.WaitFor{rollout.WaitAdvance, rollout.WaitApproval, rollout.WaitPerson}, s.Waiting.For)
}

// interrupted is a command that was ended from outside.
type interrupted struct{ text string }

func (e *interrupted) Error() string { return e.text }

// report prints err, as JSON for whoever asked for JSON.
func (a *app) report(err error, asJSON bool) {
	var line string
	if asJSON {
		var body struct {
			Error struct {
				Kind    string `json:"kind"`
				Message string `json:"message"`
			} `json:"error"`
		}
		body.Error.Kind, body.Error.Message = errorKind(err), err.Error()
		content, merr := json.Marshal(body)
		if merr != nil {
			content = []byte(fmt.Sprintf("%q", merr))
		}
		line = string(content)
	} else {
		line = "serin: " + err.Error()
	}
	// There is nowhere left to report a broken stderr to.
	_, _ = fmt.Fprintln(a.Err, line)
}

// errorKind is the error's kind, the state of the rollout that did not succeed,
// or Failed.
func errorKind(err error) string {
	var end *standing
	var stopped *interrupted
	switch kind := rollout.KindOf(err); {
	case errors.As(err, &end):
		return end.kind()
	case errors.As(err, &stopped), errors.Is(err, context.Canceled):
		return "Interrupted"
	case kind != "":
		return string(kind)
	}
	return string(rollout.Failed)
}

// wantsJSON reads the output format from the raw arguments, because an error may
// be one of parsing them.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		name, value, ok := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || (name != "output" && name != "o") {
			continue
		}
		if !ok && i+1 < len(args) {
			value = args[i+1]
		}
		if value == jsonOutput {
			return true
		}
	}
	return false
}
