package cloudrun

import (
	"fmt"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/internal/google"
	"github.com/serin-dev/serin/rollout"
)

const grantFix = "grant roles/run.developer to this worker's identity, and roles/iam.serviceAccountUser on the service account of the revision"

func typed(op, on string, err error) error { return google.Typed("cloudRun: "+op, on, grantFix, err) }

// ended gives the error that an operation ended with its kind. Its code is the
// number of google.rpc, not of HTTP.
func ended(op, on string, st *run.GoogleRpcStatus) error {
	e := &rollout.Error{
		Op: "cloudRun: " + op, On: on, Kind: rollout.Failed,
		Err: fmt.Errorf("operation ended with code %d: %s", st.Code, google.Cut(st.Message)),
	}
	switch st.Code {
	case 3: // INVALID_ARGUMENT
		e.Kind = rollout.Invalid
	case 5: // NOT_FOUND
		e.Kind = rollout.NotFound
	case 6: // ALREADY_EXISTS
		e.Kind = rollout.Conflict
	case 7, 16: // PERMISSION_DENIED, UNAUTHENTICATED
		e.Kind, e.Fix = rollout.Denied, grantFix
	case 4, 8, 10, 13, 14: // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE
		e.Kind = rollout.Transient
	default: // 9 FAILED_PRECONDITION and the rest: the platform gave up
	}
	return e
}
