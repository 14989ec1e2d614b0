package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// maxBody bounds how much of a response is read, in bytes.
const maxBody = 1 << 20

// turn says whether requests are made at all, and who hears of them.
type turn struct {
	pulse *activities.Pulse
	open  bool
}

// requests makes the requests of a job in their order, up to the first that finds something.
func (j *Jobs) requests(ctx context.Context, list []rollout.HTTPCheck, at place, g turn) ([]rollout.CheckStatus, error) {
	out := make([]rollout.CheckStatus, len(list))
	for i, c := range list {
		out[i] = rollout.CheckStatus{ID: c.ID, Reason: "not run, because of the one before"}
		if !g.open {
			continue
		}
		g.pulse.Say(ctx, c.ID+": asks")
		found, err := j.check(ctx, c, at)
		if err != nil {
			return nil, err
		}
		out[i] = found
		g.open = found.Verdict == rollout.VerdictPass
	}
	return out, nil
}

// check makes one request until it is answered as it should be, or its attempts are used up.
func (j *Jobs) check(ctx context.Context, c rollout.HTTPCheck, at place) (rollout.CheckStatus, error) {
	p, err := prepare(c, at)
	if err == nil {
		err = j.hosts.Allow(p.url, at.own()...)
	}
	if err != nil {
		return rollout.CheckStatus{}, err
	}
	var last answer
	for n := 1; ; n++ {
		if last = j.ask(ctx, p); last.verdict == rollout.VerdictPass {
			return rollout.CheckStatus{ID: c.ID, Verdict: last.verdict}, nil
		}
		if n >= c.Attempts || ctx.Err() != nil {
			break
		}
		if err := pause(ctx, c.Interval); err != nil {
			return rollout.CheckStatus{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return rollout.CheckStatus{}, err
	}
	reason := fmt.Sprintf("%s: %s %s %s", c.ID, c.Method, shown(p.url), last.reason)
	if c.Attempts > 1 {
		reason += fmt.Sprintf(", %d times", c.Attempts)
	}
	return rollout.CheckStatus{ID: c.ID, Verdict: last.verdict, Reason: reason}, nil
}

// shown leaves out what may be a secret.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// prepared is a check of which nothing is left to fill in.
type prepared struct {
	rollout.HTTPCheck
	url   *url.URL
	match *regexp.Regexp // nil: any body
}

func prepare(c rollout.HTTPCheck, at place) (prepared, error) {
	p := prepared{HTTPCheck: c}
	bad := func(err error) (prepared, error) {
		return p, &rollout.Error{Op: "read http check", On: c.ID, Kind: rollout.Invalid, Err: err}
	}
	var err error
	address, err := at.fill(c.URL)
	if err != nil {
		return bad(err)
	}
	if p.url, err = url.Parse(address); err != nil || p.url.Host == "" {
		return bad(fmt.Errorf("url %q is not one of http or https", c.URL))
	}
	if p.Body, err = at.fill(c.Body); err != nil {
		return bad(err)
	}
	if c.Match != "" {
		if p.match, err = regexp.Compile(c.Match); err != nil {
			return bad(err)
		}
	}
	return p, nil
}

// answer is what one attempt was worth.
type answer struct {
	verdict rollout.Verdict
	reason  string
}

func (j *Jobs) ask(ctx context.Context, p prepared) answer {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, p.Method, p.url.String(), strings.NewReader(p.Body))
	if err != nil {
		return answer{rollout.VerdictInconclusive, "is no request: " + err.Error()}
	}
	for name, value := range p.Headers {
		if req.Header.Set(name, value); http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
		}
	}
	res, err := j.client.Do(req)
	if err != nil {
		return unanswered(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	switch {
	case res.StatusCode != p.Status:
		return answer{rollout.VerdictFail, fmt.Sprintf("answered %d, want %d", res.StatusCode, p.Status)}
	case err != nil:
		return unanswered(err)
	case p.match != nil && !p.match.Match(body):
		return answer{rollout.VerdictFail, fmt.Sprintf("answered what does not match %q", p.Match)}
	}
	return answer{verdict: rollout.VerdictPass}
}

// unanswered tells a service that does not answer from one that this worker cannot find.
func unanswered(err error) answer {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL and its query
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return answer{rollout.VerdictInconclusive, "was not sent: " + err.Error()}
	}
	return answer{rollout.VerdictFail, "was not answered: " + err.Error()}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
