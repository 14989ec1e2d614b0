package googlecloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/googleapi"

	"github.com/serin-dev/serin/rollout"
)

// maxText bounds what of Google's words goes into an error, in bytes.
const maxText = 400

const (
	grantAlerts = "grant roles/monitoring.viewer to this worker's identity"
	grantErrors = "grant roles/errorreporting.viewer to this worker's identity"
)

func invalid(op, on string, err error) error {
	return &rollout.Error{Op: "googleCloud: " + op, On: on, Kind: rollout.Invalid, Err: err}
}

// typed gives an error of an API its kind. What has no answer behind it is Transient. fix is for
// a lack of permissions.
func typed(op, on, fix string, err error) error {
	if err == nil {
		return nil
	}
	e := &rollout.Error{Op: "googleCloud: " + op, On: on, Kind: rollout.Transient, Err: err}
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return e
	}
	e.Err = fmt.Errorf("%d %s: %s", api.Code, canonical(api), cut(api.Message))
	switch {
	case api.Code == http.StatusUnauthorized, api.Code == http.StatusForbidden:
		e.Kind, e.Fix = rollout.Denied, fix
	case api.Code == http.StatusNotFound:
		e.Kind = rollout.NotFound
	case api.Code == http.StatusConflict, api.Code == http.StatusTooManyRequests, api.Code == http.StatusRequestTimeout,
		api.Code >= http.StatusInternalServerError:
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

// cut bounds a text and puts it on one line.
func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}
