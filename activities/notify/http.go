package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

const (
	// maxAnswer bounds how much of an answer is read, and maxReason how much of it a reason shows,
	// in bytes.
	maxAnswer = 4 << 10
	maxReason = 200
	// maxRetryAfter bounds how long a receiver may ask to be left alone.
	maxRetryAfter = time.Hour
)

// post sends JSON to a server. on says in errors which: it is the whole URL for no one, because
// that may hold a secret.
type post struct {
	client *http.Client
	url    string
	on     string
}

// do sends body with headers. 2xx is taken. The error is Invalid for what the server will never take
// (400, 413, 415, 422), otherwise Transient, with the server's Retry-After.
func (p post) do(ctx context.Context, body []byte, headers http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return p.fail(rollout.Transient, bare(err))
	}
	req.Header = headers
	res, err := p.client.Do(req)
	if err != nil {
		return p.fail(rollout.Transient, bare(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil && res.StatusCode >= http.StatusMultipleChoices {
		answer = nil // the status says enough
	}
	if res.StatusCode < http.StatusMultipleChoices {
		return nil
	}
	kind := rollout.Transient
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		kind = rollout.Invalid
	}
	failed := p.fail(kind, fmt.Errorf("%s%s", res.Status, reason(answer, p.url)))
	failed.After = retryAfter(res.Header.Get("Retry-After"))
	return failed
}

func (p post) fail(kind rollout.Kind, err error) *rollout.Error {
	return &rollout.Error{Op: "send notice", On: "to " + p.on, Kind: kind, Err: err}
}

// bare takes the URL out of an error of package http: it may hold a secret.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// reason is the beginning of what a server answers, in one line; a server that repeats the URL does
// not get it into an error.
func reason(answer []byte, secret string) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "")), " ")
	if text == "" || strings.Contains(text, secret) {
		return ""
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return ": " + text
}

// retryAfter reads the seconds of a Retry-After; 0 leaves it to the caller.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds <= 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// allowed parses the URL of a configuration and refuses a host that the worker may not reach.
func (a *Activities) allowed(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, &rollout.Error{Op: "send notice", Kind: rollout.Invalid, Err: errors.New("its url is no absolute URL"), Fix: "write https://HOST/PATH"}
	}
	if err := a.hosts.Allow(u); err != nil {
		return nil, err
	}
	return u, nil
}
