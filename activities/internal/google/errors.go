// Package google gives errors of Google's APIs their kinds.
package google

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

// Typed gives an error of an API client its kind; of nil it is nil. What has no answer of Google
// behind it is Transient: whether a write was applied is found out by reading again. fix is for a
// lack of permissions.
func Typed(op, on, fix string, err error) error {
	if err == nil {
		return nil
	}
	e := &rollout.Error{Op: op, On: on, Kind: rollout.Transient, Err: err}
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return e
	}
	status := canonical(api)
	e.Err = fmt.Errorf("%d %s: %s", api.Code, status, Cut(api.Message))
	switch {
	case api.Code == http.StatusUnauthorized, api.Code == http.StatusForbidden:
		e.Kind, e.Fix = rollout.Denied, fix
	case api.Code == http.StatusNotFound:
		e.Kind = rollout.NotFound
	case api.Code == http.StatusConflict && status == "ALREADY_EXISTS":
		e.Kind = rollout.Conflict
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

// Cut bounds a text and puts it on one line.
func Cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}
