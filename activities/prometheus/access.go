package prometheus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/oauth2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	fixCredentials = "give this worker Application Default Credentials"
	fixHosts       = "add the host to SERIN_HTTP_HOSTS of the worker that polls the target's task queue"
	fixAuth        = "check auth: the reference, and what the worker that polls the target's task queue has there"
)

// access finds the credentials of queries.
type access struct {
	secrets activities.Secrets
	tokens  func(ctx context.Context) (oauth2.TokenSource, error)
	google  activities.Hosts // that may be sent a Google token; nil is Google's own
	hosts   activities.Hosts // that may be sent a secret

	mu     sync.Mutex
	source oauth2.TokenSource // nil until first needed
}

// credentials are what is sent with one query.
type credentials struct {
	headers       map[string]string
	authorization string   // "" sends none
	secret        []string // is in no error
}

// credentialsKey is the key of the credentials of a request's context.
type credentialsKey struct{}

func (c credentials) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, credentialsKey{}, c)
}

// hide takes the secrets out of what a server says.
func (c credentials) hide(text string) string {
	for _, secret := range c.secret {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// of resolves what p refers to, at each query: secrets are renewed.
func (a *access) of(ctx context.Context, p rollout.Prometheus) (credentials, error) {
	c := credentials{headers: p.Headers}
	if p.Auth == nil {
		return c, nil
	}
	switch auth := *p.Auth; {
	case auth.Password != nil:
		password, err := a.secret(*auth.Password, p.Address)
		if err != nil {
			return c, err
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(auth.Username + ":" + password))
		c.authorization, c.secret = "Basic "+encoded, []string{encoded, password}
	case auth.Bearer != nil:
		token, err := a.secret(*auth.Bearer, p.Address)
		if err != nil {
			return c, err
		}
		c.authorization, c.secret = "Bearer "+token, []string{token}
	case auth.Google:
		token, err := a.token(ctx, p.Address)
		if err != nil {
			return c, err
		}
		c.authorization, c.secret = "Bearer "+token, []string{token}
	default:
		return c, &rollout.Error{Op: "prometheus: find credentials", On: "of " + p.Address, Kind: rollout.Invalid, Err: errors.New("auth names no password, bearer or google")}
	}
	return c, nil
}

// secret returns the secret of ref for an address that may be sent it: whoever may write a
// configuration must not be sent what others have given to this worker.
func (a *access) secret(ref rollout.Secret, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", deny(address, errors.New("its address is not a URL"), "")
	}
	if a.hosts.Allow(u) != nil {
		return "", deny(address, fmt.Errorf("this worker may send secrets to %s", a.hosts), fixHosts)
	}
	return a.secrets.Resolve(ref)
}

// token returns a Google token, only for an address of Google's: whoever may write a
// configuration must not be sent the worker's own.
func (a *access) token(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", deny(address, errors.New("its address is not a URL"), "")
	}
	allowed := a.google
	if allowed == nil {
		allowed = activities.Hosts{"*.googleapis.com"}
		if u.Scheme != "https" {
			return "", deny(address, errors.New("a Google token goes over https only"), "")
		}
	}
	if allowed.Allow(u) != nil {
		return "", deny(address, fmt.Errorf("a Google token goes to %s only", strings.Join(allowed, ", ")), "use https://monitoring.googleapis.com/v1/projects/PROJECT/location/global/prometheus, or another auth")
	}
	source, err := a.tokenSource(ctx)
	if err != nil {
		return "", deny(address, err, fixCredentials)
	}
	t, err := source.Token()
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return t.AccessToken, nil
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError:
		return "", deny(address, fmt.Errorf("google gives no token: %s %s", refused.Response.Status, refused.ErrorCode), fixCredentials)
	default:
		return "", &rollout.Error{Op: "prometheus: find credentials", On: "of " + address, Kind: rollout.Unreachable, Err: errors.New("google's tokens do not answer")}
	}
}

// tokenSource returns the tokens of this worker, which renew themselves.
func (a *access) tokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.source != nil {
		return a.source, nil
	}
	source, err := a.tokens(context.WithoutCancel(ctx)) // it outlives the query
	if err == nil {
		a.source = source
	}
	return source, err
}

func deny(address string, err error, fix string) error {
	return &rollout.Error{Op: "prometheus: find credentials", On: "of " + address, Kind: rollout.Denied, Err: err, Fix: fix}
}
