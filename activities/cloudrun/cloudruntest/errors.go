package cloudruntest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"
)

// apiError is an error of the API. HTTP is the status code, Status the canonical
// name and GRPC its number, which operations carry instead of the HTTP code.
type apiError struct {
	HTTP       int           `json:"http"`
	Status     string        `json:"status"`
	GRPC       int64         `json:"grpc"`
	Message    string        `json:"message"`
	Details    []any         `json:"details"`
	RetryAfter time.Duration `json:"retryAfter"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s: %s", e.Status, e.Message) }

type badRequest struct {
	Type       string      `json:"@type"`
	Violations []violation `json:"fieldViolations"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

type errorInfo struct {
	Type     string            `json:"@type"`
	Reason   string            `json:"reason"`
	Domain   string            `json:"domain"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func invalid(field, format string, args ...any) *apiError {
	text := fmt.Sprintf(format, args...)
	return &apiError{
		HTTP: http.StatusBadRequest, Status: "INVALID_ARGUMENT", GRPC: 3,
		Message: text,
		Details: []any{badRequest{
			Type:       "type.googleapis.com/google.rpc.BadRequest",
			Violations: []violation{{Field: field, Description: text}},
		}},
	}
}

func failedPrecondition(format string, args ...any) *apiError {
	return &apiError{HTTP: http.StatusBadRequest, Status: "FAILED_PRECONDITION", GRPC: 9, Message: fmt.Sprintf(format, args...)}
}

func notFound(what, name string) *apiError {
	return &apiError{
		HTTP: http.StatusNotFound, Status: "NOT_FOUND", GRPC: 5,
		Message: fmt.Sprintf("%s '%s' was not found.", what, name),
	}
}

func alreadyExists(format string, args ...any) *apiError {
	return &apiError{HTTP: http.StatusConflict, Status: "ALREADY_EXISTS", GRPC: 6, Message: fmt.Sprintf(format, args...)}
}

func aborted(sent, current string) *apiError {
	return &apiError{
		HTTP: http.StatusConflict, Status: "ABORTED", GRPC: 10,
		Message: fmt.Sprintf("Conflict for resource: version '%s' was specified but current version is '%s'.", sent, current),
	}
}

func denied() *apiError {
	return &apiError{
		HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED", GRPC: 7,
		Message: "Permission 'run.services.update' denied on resource (or it may not exist).",
		Details: []any{errorInfo{
			Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: "IAM_PERMISSION_DENIED", Domain: "run.googleapis.com",
			Metadata: map[string]string{"permission": "run.services.update"},
		}},
	}
}

func exhausted(reason, limit string, retryAfter time.Duration) *apiError {
	return &apiError{
		HTTP: http.StatusTooManyRequests, Status: "RESOURCE_EXHAUSTED", GRPC: 8, RetryAfter: retryAfter,
		Message: fmt.Sprintf("Quota exceeded for quota metric '%s' of service 'run.googleapis.com'.", limit),
		Details: []any{errorInfo{
			Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: reason, Domain: "googleapis.com",
			Metadata: map[string]string{"service": "run.googleapis.com", "quota_metric": "run.googleapis.com/" + limit},
		}},
	}
}

func unavailable(retryAfter time.Duration) *apiError {
	return &apiError{
		HTTP: http.StatusServiceUnavailable, Status: "UNAVAILABLE", GRPC: 14, RetryAfter: retryAfter,
		Message: "The service is currently unavailable.",
	}
}

func deadlineExceeded() *apiError {
	return &apiError{
		HTTP: http.StatusGatewayTimeout, Status: "DEADLINE_EXCEEDED", GRPC: 4,
		Message: "Deadline expired before operation could complete.",
	}
}

// reply renders the error as the body {"error": {code, message, status, details}}.
func (e *apiError) reply() reply {
	type body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []any  `json:"details,omitempty"`
	}
	r := newReply(e.HTTP, map[string]body{"error": {e.HTTP, e.Message, e.Status, e.Details}})
	if e.RetryAfter > 0 {
		seconds := int64((e.RetryAfter + time.Second - 1) / time.Second)
		r.header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return r
}

// rpc renders the error as an operation carries it: a bare google.rpc.Status.
func (e *apiError) rpc() *run.GoogleRpcStatus {
	st := &run.GoogleRpcStatus{Code: e.GRPC, Message: e.Message}
	for _, d := range e.Details {
		st.Details = append(st.Details, googleapi.RawMessage(mustJSON(d)))
	}
	return st
}

// reply is a finished answer, kept apart from writing it so that it can be
// logged, delayed or thrown away first.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func newReply(status int, v any) reply {
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=UTF-8")
	return reply{status: status, header: h, body: append(mustJSON(v), '\n')}
}

func errorReply(err error) reply {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{HTTP: http.StatusInternalServerError, Status: "INTERNAL", GRPC: 13, Message: err.Error()}
	}
	return e.reply()
}

func (r reply) write(w http.ResponseWriter) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client is gone: there is nobody to tell
}

// mustJSON encodes values of this package and of run/v2, which always encode.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cloudruntest: encode %T: %v", v, err))
	}
	return b
}

// clone copies v deeply, by way of JSON: what the wire does not carry is lost.
func clone[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := new(T)
	convert(v, c)
	return c
}

// convert copies from into to, a pointer, by way of JSON. Both are types of run/v2
// or objects made of one, whose members agree.
func convert(from, to any) {
	if err := json.Unmarshal(mustJSON(from), to); err != nil {
		panic(fmt.Sprintf("cloudruntest: copy %T to %T: %v", from, to, err))
	}
}
