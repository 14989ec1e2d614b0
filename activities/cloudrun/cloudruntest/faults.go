package cloudruntest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// FaultKind is what a Fault does to a request.
type FaultKind string

// The kinds of faults. The first seven decide the answer: of several that match,
// the one injected first is used and only that one is counted. The others change
// how the request is handled and add up.
const (
	// TooManyRequests answers 429 RESOURCE_EXHAUSTED with Retry-After.
	TooManyRequests FaultKind = "tooManyRequests"
	// Unavailable answers 503, with Retry-After when that is set.
	Unavailable FaultKind = "unavailable"
	// PermissionDenied answers 403.
	PermissionDenied FaultKind = "permissionDenied"
	// DeadlineExceeded answers 504.
	DeadlineExceeded FaultKind = "deadlineExceeded"
	// ResetBeforeApply breaks the connection and does nothing. Go's HTTP client hides a
	// single reset of a GET on a connection in use by trying again; a write it does not.
	ResetBeforeApply FaultKind = "resetBeforeApply"
	// ResetAfterApply does what is asked and breaks the connection instead of answering.
	ResetAfterApply FaultKind = "resetAfterApply"
	// ApplyThenUnavailable does what is asked and answers 503.
	ApplyThenUnavailable FaultKind = "applyThenUnavailable"

	// Latency delays the request by Fault.Latency on the server's clock.
	Latency FaultKind = "latency"
	// Stuck keeps the write's reconciliation from completing until the fault is
	// removed or a later write supersedes it.
	Stuck FaultKind = "stuck"
	// OperationFails lets the write's operation end with DEADLINE_EXCEEDED (code 4),
	// the service keeping what it serves.
	OperationFails FaultKind = "operationFails"
	// StaleReads lets a get of a service show the state before the last write.
	StaleReads FaultKind = "staleReads"
	// StrictEtag enforces the etag of the write, see EtagStrict.
	StrictEtag FaultKind = "strictEtag"
)

// FaultKinds lists all kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{
		TooManyRequests, Unavailable, PermissionDenied, DeadlineExceeded, ResetBeforeApply, ResetAfterApply,
		ApplyThenUnavailable, Latency, Stuck, OperationFails, StaleReads, StrictEtag,
	}
}

// Fault is a disturbance of API requests.
type Fault struct {
	Kind FaultKind
	// Method is the HTTP method it is for; empty is every method the kind applies to:
	// writes for Stuck, OperationFails and StrictEtag, GET for StaleReads, else all.
	Method string
	// Path is a pattern for the URL path, in which * stands for any text; empty is
	// every path below /v2/.
	Path string
	// Times is how many requests it affects; 0 is every one until it is removed.
	Times int
	// RetryAfter is sent in whole seconds, rounded up; TooManyRequests has one
	// second when it is zero.
	RetryAfter time.Duration
	// Latency is for the kind Latency only.
	Latency time.Duration
}

type injected struct {
	id    int
	fault Fault
}

// effects is what the faults do to one request.
type effects struct {
	refuse      *apiError // answer this instead
	applyFirst  bool      // do the work before refusing
	resetBefore bool
	resetAfter  bool
	delay       time.Duration
	stuck       int
	operation   *apiError
	stale       bool
	strict      bool
}

// Inject disturbs requests with f from now on. The returned function removes the
// fault and releases what it holds; calling it again does nothing. An unknown kind
// is an error that lists the known ones.
func (s *Server) Inject(f Fault) (remove func(), err error) {
	id, err := s.inject(f)
	if err != nil {
		return nil, err
	}
	return func() { s.removeFault(id) }, nil
}

func (s *Server) inject(f Fault) (int, error) {
	if !slices.Contains(FaultKinds(), f.Kind) {
		return 0, fmt.Errorf("cloudruntest: fault kind %q is unknown, known are %q", f.Kind, FaultKinds())
	}
	if f.Times < 0 || f.Latency < 0 || f.RetryAfter < 0 {
		return 0, fmt.Errorf("cloudruntest: fault %s: times, latency and retryAfter must not be negative", f.Kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultSeq++
	s.faults = append(s.faults, &injected{id: s.faultSeq, fault: f})
	return s.faultSeq, nil
}

// removeFault reports whether the fault was there or held an operation.
func (s *Server) removeFault(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(f *injected) bool { return f.id == id })
	found := len(s.faults) < n
	for _, name := range slices.Clone(s.opOrder) {
		if o := s.ops[name]; o != nil && o.Stuck == id {
			found = true
			o.Stuck = 0
			s.finish(o)
		}
	}
	return found
}

// ClearFaults removes every fault, releases what they hold, and lets images that
// FailImage made fail be ready again.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	n := s.faultSeq
	s.failures = nil
	s.mu.Unlock()
	for id := 1; id <= n; id++ {
		s.removeFault(id)
	}
}

// take collects the effects of the faults that match r and counts them.
func (s *Server) take(r *http.Request) effects {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e effects
	decided := false
	for _, f := range slices.Clone(s.faults) {
		if !f.fault.matches(r) || decided && f.fault.decides() {
			continue
		}
		decided = decided || f.fault.decides()
		f.apply(&e)
		if f.fault.Times == 0 {
			continue
		}
		if f.fault.Times--; f.fault.Times == 0 {
			s.faults = slices.DeleteFunc(s.faults, func(o *injected) bool { return o == f })
		}
	}
	return e
}

func (f Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method || f.Path != "" && !glob(f.Path, r.URL.Path) {
		return false
	}
	write := r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, ":wait")
	switch f.Kind {
	case Stuck, OperationFails, StrictEtag:
		return write
	case StaleReads:
		return r.Method == http.MethodGet && strings.Count(r.URL.Path, "/") == 7 && strings.Contains(r.URL.Path, "/services/")
	default:
		return true
	}
}

func (f Fault) decides() bool {
	switch f.Kind {
	case Latency, Stuck, OperationFails, StaleReads, StrictEtag:
		return false
	default:
		return true
	}
}

func (f *injected) apply(e *effects) {
	switch f.fault.Kind {
	case TooManyRequests:
		e.refuse = exhausted("RATE_LIMIT_EXCEEDED", "write_requests", max(f.fault.RetryAfter, time.Second))
	case Unavailable, ApplyThenUnavailable:
		e.refuse = unavailable(f.fault.RetryAfter)
		e.applyFirst = f.fault.Kind == ApplyThenUnavailable
	case PermissionDenied:
		e.refuse = denied()
	case DeadlineExceeded:
		e.refuse = deadlineExceeded()
	case ResetBeforeApply:
		e.resetBefore = true
	case ResetAfterApply:
		e.resetAfter = true
	default:
		f.modify(e)
	}
}

func (f *injected) modify(e *effects) {
	switch f.fault.Kind {
	case Latency:
		e.delay += f.fault.Latency
	case Stuck:
		e.stuck = f.id
	case OperationFails:
		e.operation = deadlineExceeded()
	case StaleReads:
		e.stale = true
	case StrictEtag:
		e.strict = true
	default: // the others decide the answer
	}
}

// glob reports whether s matches pattern, in which * stands for any text.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
