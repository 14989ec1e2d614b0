package googlecloud

import (
	"github.com/serin-dev/serin/activities/internal/google"
	"github.com/serin-dev/serin/rollout"
)

const (
	grantAlerts = "grant roles/monitoring.viewer to this worker's identity"
	grantErrors = "grant roles/errorreporting.viewer to this worker's identity"
)

func invalid(op, on string, err error) error {
	return &rollout.Error{Op: "googleCloud: " + op, On: on, Kind: rollout.Invalid, Err: err}
}

func typed(op, on, fix string, err error) error {
	return google.Typed("googleCloud: "+op, on, fix, err)
}
