package rollout

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure an Error is. Code branches on it, never on text.
// It is the only part of an error that survives Temporal unchanged, as the
// type of the application error.
type Kind string

// The kinds. Only Transient is worth the same attempt again.
const (
	// Invalid: the input is wrong and stays wrong.
	Invalid Kind = "Invalid"
	// NotFound: a named object does not exist.
	NotFound Kind = "NotFound"
	// Conflict: the name is taken by something else, or somebody changed the object.
	Conflict Kind = "Conflict"
	// Denied: the platform refuses for lack of a permission.
	Denied Kind = "Denied"
	// Refused: a command that the present state or a policy does not allow.
	Refused Kind = "Refused"
	// Unsupported: legal configuration that this build cannot execute.
	Unsupported Kind = "Unsupported"
	// Corrupt: stored content does not have the digest it was stored under.
	Corrupt Kind = "Corrupt"
	// Failed: the platform tried and gave up; its reason is the text.
	Failed Kind = "Failed"
	// Drift: somebody else changed the split or the object; a person decides.
	Drift Kind = "Drift"
	// Expired: a deadline passed.
	Expired Kind = "Expired"
	// Transient: a network, quota or server error that may pass.
	Transient Kind = "Transient"
	// Unreachable: Temporal itself does not answer.
	Unreachable Kind = "Unreachable"
)

// Error says which operation failed on which object and why, and what to do.
// Only Kind is for code.
type Error struct {
	Op   string // "cloudRun: set weight"
	On   string // the object as its own tools print it; may be empty
	Kind Kind
	Fix  string // what the reader can do; may be empty
	Err  error  // the cause

	// After is how long to wait before a Transient operation is tried again; 0 leaves
	// it to the caller. A platform's Retry-After ends here.
	After time.Duration
}

// Error reads "op on: cause (fix)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.On != "" {
		b.WriteString(" " + e.On)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Fix != "" {
		fmt.Fprintf(&b, " (%s)", e.Fix)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first Error in err's chain, or "" if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// Problem is one thing that is wrong, at the place where it is to be mended: in a
// file, or with an object of a platform. Its zero fields are unknown.
type Problem struct {
	File string `json:"file,omitempty"` // the name it was read under
	Line int    `json:"line,omitempty"` // from 1
	Path string `json:"path,omitempty"` // the field, such as serialPipeline.stages[0].targetId, or the object
	Text string `json:"text"`           // what is wrong and what would be right
}

// String reads "file.yaml:14: path: text" and leaves out what is unknown.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}
