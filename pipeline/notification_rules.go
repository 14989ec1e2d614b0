package pipeline

import (
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

func (n *Notification) rules(at *judge) {
	if n.APIVersion != "" && n.APIVersion != SerinV1 {
		at.key("kind").bad("`%s` is an extension: use apiVersion %s", KindNotification, SerinV1)
	}
	for i, s := range n.Selectors {
		s.rules(at.key("selectors").item(i))
	}
	exactlyOne(at, []choice{
		{"webhook", n.Webhook != nil}, {"slack", n.Slack != nil}, {"pubsub", n.PubSub != nil}, {"flagger", n.Flagger != nil},
	})
	if n.Webhook != nil {
		n.Webhook.rules(at.key("webhook"))
	}
	if n.Slack != nil {
		n.Slack.URL.rules(at.key("slack").key("url"))
	}
	if n.PubSub != nil {
		n.PubSub.rules(at.key("pubsub"))
	}
	if n.Flagger != nil {
		urlRule(at.key("flagger").key("url"), n.Flagger.URL)
	}
}

func (w *NotificationWebhook) rules(at *judge) {
	urlRule(at.key("url"), w.URL)
	if w.Secret != nil {
		w.Secret.rules(at.key("secret"))
	}
	headerRules(at.key("headers"), w.Headers)
	for _, name := range sortedKeys(w.Headers) {
		switch lower := strings.ToLower(name); {
		case lower == "authorization" || lower == "cookie":
			at.key("headers").key(name).bad("is a credential, which is never written here: let the receiver check the signature of secret")
		case lower == "content-type" || lower == "content-length" || lower == "host" || strings.HasPrefix(lower, "webhook-"):
			at.key("headers").key(name).bad("is set by the request itself")
		}
	}
}

func (p *NotificationPubSub) rules(at *judge) {
	if p.Project != "" && !regexp.MustCompile(`^[a-z][a-z0-9.:-]{4,61}[a-z0-9]$`).MatchString(p.Project) {
		at.key("project").bad("%q is no id of a project", p.Project)
	}
	if p.Endpoint == "" {
		return
	}
	if host, port, err := net.SplitHostPort(p.Endpoint); err != nil || host == "" || port == "" {
		at.key("endpoint").bad("%q is no address: write HOST:PORT", p.Endpoint)
	}
}

// Notification returns who the named Notification tells and of what, and whether it exists.
func (c *Config) Notification(name string) (rollout.Notification, bool) {
	n := find(c.Notifications, name)
	if n == nil {
		return rollout.Notification{}, false
	}
	out := rollout.Notification{Name: name}
	for _, topic := range n.Events {
		out.Topics = append(out.Topics, rollout.Topic(topic))
	}
	if w := n.Webhook; w != nil {
		out.Webhook = &rollout.WebhookSink{URL: w.URL, Headers: w.Headers}
		if w.Secret != nil {
			out.Webhook.Secret = w.Secret.frozen()
		}
	}
	if s := n.Slack; s != nil {
		out.Slack = &rollout.SlackSink{URL: *s.URL.frozen(), Channel: s.Channel}
	}
	if p := n.PubSub; p != nil {
		out.PubSub = &rollout.PubSubSink{Project: p.Project, Endpoint: p.Endpoint}
	}
	if f := n.Flagger; f != nil {
		out.Flagger = &rollout.FlaggerSink{URL: f.URL}
	}
	return out, true
}

// Wanting lists the Notifications that tell of a notice, sorted by name: those of its topic that
// select its pipeline and target, or the multi-target that the target is a child of. A pipeline
// or target that c does not have is selected by id alone.
func (c *Config) Wanting(n rollout.Notice) []string {
	var out []string
	for _, each := range c.Notifications {
		topic := len(each.Events) == 0 || slices.Contains(each.Events, string(n.Topic))
		if topic && each.selects(named(c.Pipeline(n.Pipeline), n.Pipeline), c.reached(n.Target, n.Parent)) {
			out = append(out, each.Metadata.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Notifies reports whether anybody is told of any event of the pipeline's rollouts to the target,
// which may be a child of the multi-target parent.
func (c *Config) Notifies(pipeline, target, parent string) bool {
	p, targets := named(c.Pipeline(pipeline), pipeline), c.reached(target, parent)
	return slices.ContainsFunc(c.Notifications, func(n *Notification) bool { return n.selects(p, targets) })
}

func (n *Notification) selects(pipeline *Envelope, targets []*Envelope) bool {
	return len(n.Selectors) == 0 || (&DeployPolicy{Selectors: n.Selectors}).selects(pipeline, targets)
}

// in is the name of the multi-target that l is a child of, or "".
func (l leaf) in() string {
	if l.parent == nil {
		return ""
	}
	return l.parent.Metadata.Name
}
