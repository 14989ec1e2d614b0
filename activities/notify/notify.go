// Package notify tells others of the events of rollouts: any server by CloudEvents, Slack, Google
// Pub/Sub, and servers that take Flagger's event webhooks.
package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// oneBudget is how long one receiver may take for one notice.
	oneBudget = 10 * time.Second
	// callBudget is when a call that delivers several of them ends before it has delivered all.
	callBudget = 30 * time.Second
)

// Configuration is what is configured now.
type Configuration interface {
	// Notification returns the named one. The error is NotFound if there is none any more.
	Notification(ctx context.Context, name string) (rollout.Notification, error)
	// Wanting returns for each notice the names of those that tell of it, sorted.
	Wanting(ctx context.Context, notices []rollout.Notice) ([][]string, error)
}

// sink is one receiver.
type sink interface {
	// send delivers n. The error is Invalid if the receiver will never take this notice; any
	// other may pass. It holds no secret.
	send(ctx context.Context, n rollout.Notice) error
	close() error
}

// Activities deliver notices.
type Activities struct {
	config   Configuration
	temporal activities.Notifiers
	secrets  activities.Secrets
	hosts    activities.Hosts
	client   *http.Client
	now      func() time.Time
}

// New returns the activities. They send requests to hosts only, but for Slack's and Google's own.
func New(config Configuration, temporal activities.Notifiers, secrets activities.Secrets, hosts activities.Hosts) *Activities {
	return &Activities{
		config: config, temporal: temporal, secrets: secrets, hosts: hosts, now: time.Now,
		client: &http.Client{
			Timeout: oneBudget,
			// A redirect could lead to a host that is not allowed.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// RouteNotices hands each notice to the notifiers of those that want it. Tried again, it hands over
// what it has handed over before; the notifiers know that.
func (a *Activities) RouteNotices(ctx context.Context, r activities.NoticesRequest) (activities.NoticesResult, error) {
	wanting, err := a.config.Wanting(ctx, r.Notices)
	if err != nil {
		return activities.NoticesResult{}, again(err)
	}
	of := map[string][]rollout.Notice{}
	var names []string
	for i, n := range r.Notices {
		for _, name := range wanting[i] {
			if of[name] == nil {
				names = append(names, name)
			}
			of[name] = append(of[name], n)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if err := activities.SignalNotifier(ctx, a.temporal, name, rollout.Notices{Notices: of[name]}); err != nil {
			return activities.NoticesResult{}, again(fmt.Errorf("tell the notifier of %s: %w", name, err))
		}
	}
	return activities.NoticesResult{Done: len(r.Notices)}, nil
}

// DeliverNotices delivers notices in their order until one cannot be delivered. What it has
// delivered before that is a result; only the first one's failure is an error. NotFound means that the
// Notification is gone; every other error may pass: somebody may mend what is configured, and the next try
// reads it again.
func (a *Activities) DeliverNotices(ctx context.Context, r activities.NoticesRequest) (activities.NoticesResult, error) {
	config, err := a.config.Notification(ctx, r.Notification)
	if rollout.KindOf(err) == rollout.NotFound {
		return activities.NoticesResult{}, activities.Application(err)
	}
	if err != nil {
		return activities.NoticesResult{}, again(err)
	}
	to, err := a.sink(ctx, config)
	if err != nil {
		return activities.NoticesResult{}, again(err)
	}
	defer to.close() //nolint:errcheck // what was sent has been answered
	var res activities.NoticesResult
	for begun := a.now(); res.Done < len(r.Notices) && a.now().Sub(begun) < callBudget; res.Done++ {
		n := r.Notices[res.Done]
		switch err := within(ctx, to, n); {
		case rollout.KindOf(err) == rollout.Invalid:
			res.Refused = append(res.Refused, n.ID+": "+err.Error())
		case err != nil && res.Done == 0:
			return activities.NoticesResult{}, again(err)
		case err != nil:
			return res, nil // the next call begins with it, and says why
		}
	}
	return res, nil
}

func within(ctx context.Context, to sink, n rollout.Notice) error {
	ctx, stop := context.WithTimeout(ctx, oneBudget)
	defer stop()
	return to.send(ctx, n)
}

// sink returns the receiver that c names.
func (a *Activities) sink(ctx context.Context, c rollout.Notification) (sink, error) {
	switch {
	case c.Webhook != nil:
		return a.newWebhook(*c.Webhook)
	case c.Slack != nil:
		return a.newSlack(*c.Slack)
	case c.PubSub != nil:
		return a.newPubSub(ctx, *c.PubSub)
	case c.Flagger != nil:
		return a.newFlagger(*c.Flagger)
	}
	return nil, &rollout.Error{
		Op: "notify", On: c.Name, Kind: rollout.Unsupported, Err: errors.New("this worker knows webhook, slack, pubsub and flagger"),
	}
}

// again makes err one after which Temporal tries again, whatever its kind: the cause is mended
// outside of the workflow.
func again(err error) error {
	e := &rollout.Error{Op: "notify", Kind: rollout.Transient, Err: err}
	var cause *rollout.Error
	if errors.As(err, &cause) {
		e.After = cause.After
	}
	return activities.Application(e)
}
