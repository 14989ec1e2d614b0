package cloudrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/rollout"
)

// maxText bounds what of the platform's words goes into an error, in bytes.
const maxText = 400

const grantFix = "grant roles/run.developer to this worker's identity, and roles/iam.serviceAccountUser on the service account of the revision"

// typed gives an error of the API client its kind. What has no answer of the
// platform behind it is Transient: whether a write was applied is found out by
// reading again.
func typed(op, on string, err error) error {
	if err == nil {
		return nil
	}
	e := &rollout.Error{Op: "cloudRun: " + op, On: on, Kind: rollout.Transient}
	var api *googleapi.Error
	if !errors.As(err, &api) {
		e.Err = err
		return e
	}
	status := canonical(api)
	e.Err = fmt.Errorf("%d %s: %s", api.Code, status, cut(api.Message))
	switch {
	case api.Code == http.StatusBadRequest:
		e.Kind = rollout.Invalid
	case api.Code == http.StatusUnauthorized, api.Code == http.StatusForbidden:
		e.Kind, e.Fix = rollout.Denied, grantFix
	case api.Code == http.StatusNotFound:
		e.Kind = rollout.NotFound
	case api.Code == http.StatusConflict && status == "ALREADY_EXISTS":
		e.Kind = rollout.Conflict
	case api.Code == http.StatusConflict, api.Code == http.StatusTooManyRequests, api.Code == http.StatusRequestTimeout:
		e.After = retryAfter(api.Header)
	case api.Code >= http.StatusInternalServerError:
		e.After = retryAfter(api.Header)
	default:
		e.Kind = rollout.Invalid
	}
	return e
}

// canonical returns the google.rpc name of the error, or the HTTP one.
func canonical(e *googleapi.Error) string {
	var body struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(e.Body), &body); err == nil && body.Error.Status != "" {
		return body.Error.Status
	}
	return http.StatusText(e.Code)
}

// retryAfter reads the header in either of its forms; 0 if there is none.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

// ended gives the error that an operation ended with its kind. Its code is the
// number of google.rpc, not of HTTP.
func ended(op, on string, st *run.GoogleRpcStatus) error {
	e := &rollout.Error{
		Op: "cloudRun: " + op, On: on, Kind: rollout.Failed,
		Err: fmt.Errorf("operation ended with code %d: %s", st.Code, cut(st.Message)),
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

// cut bounds a text and puts it on one line.
func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}
