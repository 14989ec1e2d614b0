package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/serin-dev/serin/rollout"
)

// maxText bounds what of the platform's words goes into an error, in bytes.
const maxText = 400

// grantFix tells what a Denied needs.
const grantFix = "grant the verb on this resource to this worker's identity with a Role and a RoleBinding"

// fail is an error about what the session is for.
func (s *session) fail(kind rollout.Kind, err error) error {
	on := "target " + s.w.Target.Name
	if s.k.Deployment != "" {
		on = fmt.Sprintf("deployment/%s in %s of %s", s.k.Deployment, s.ns, on)
	}
	return &rollout.Error{Op: "kubernetes: " + s.op, On: on, Kind: kind, Err: err}
}

// failOn is an error about one object.
func (s *session) failOn(r ref, kind rollout.Kind, err error) error {
	return &rollout.Error{Op: "kubernetes: " + s.op, On: s.on(r), Kind: kind, Err: err}
}

func (s *session) on(r ref) string { return r.String() + " of target " + s.w.Target.Name }

// typed gives an error of the API about r its kind, by the reason that the API
// server states. What has no answer of the server behind it is Transient: whether
// a write was applied is found out by reading again.
func (s *session) typed(r ref, err error) error {
	if err == nil || rollout.KindOf(err) != "" || errors.Is(err, context.Canceled) {
		return err
	}
	e := &rollout.Error{Op: "kubernetes: " + s.op, On: s.on(r), Kind: kindOf(err), Err: err}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		st := status.Status()
		e.Err = errors.New(cut(withoutValues(st.Message)))
		e.After = retryAfter(st)
	}
	switch {
	case terminating(err):
		e.Kind, e.Fix = rollout.Failed, "wait until the namespace is gone and make it again"
	case e.Kind == rollout.Denied:
		e.Fix = grantFix
	case misfits(err):
		e.Kind = rollout.Invalid
	case testFailed(err):
		e.Kind, e.Err = rollout.Transient, fmt.Errorf("changed meanwhile: %w", e.Err)
	}
	return e
}

// withoutValues drops what the API server prints of an object that does not fit its type:
// it may be a secret.
func withoutValues(text string) string {
	return regexp.MustCompile(`(?s), got &?value\..*`).ReplaceAllString(text, ", got something else")
}

// kindOf tells the kind of an error of the API client.
func kindOf(err error) rollout.Kind {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonNotFound:
		return rollout.NotFound
	case metav1.StatusReasonForbidden, metav1.StatusReasonUnauthorized:
		return rollout.Denied
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonMethodNotAllowed,
		metav1.StatusReasonNotAcceptable, metav1.StatusReasonUnsupportedMediaType, metav1.StatusReasonRequestEntityTooLarge:
		return rollout.Invalid
	case metav1.StatusReasonUnknown:
		return unknownKind(err)
	default: // conflicts, quotas, server errors, timeouts
		return rollout.Transient
	}
}

// unknownKind is the kind of an answer without a reason, and of no answer.
func unknownKind(err error) rollout.Kind {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		if code >= http.StatusBadRequest && code < http.StatusInternalServerError && code != http.StatusTooManyRequests {
			return rollout.Invalid
		}
		return rollout.Transient
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return rollout.NotFound
	}
	return rollout.Transient
}

// terminating reports whether a write was refused because its namespace is being deleted.
func terminating(err error) bool {
	return apierrors.HasStatusCause(err, "NamespaceTerminating")
}

// testFailed reports whether a JSON patch was refused because one of its tests
// did not hold. Values that the API refuses come with causes, a failed test without.
func testFailed(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d == nil || len(d.Causes) == 0
}

func retryAfter(st metav1.Status) time.Duration {
	if st.Details == nil || st.Details.RetryAfterSeconds <= 0 {
		return 0
	}
	return time.Duration(st.Details.RetryAfterSeconds) * time.Second
}

// cut bounds a text and puts it on one line.
func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}
