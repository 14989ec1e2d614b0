package pipeline

// Notification tells somebody of the events of rollouts. It is legal only under
// serin.dev/v1. Exactly one of webhook, slack, pubsub and flagger is given.
type Notification struct {
	Envelope `yaml:",inline"`

	// Selectors say of which rollouts; one match is enough. A multi-target's are
	// also those of its children.
	Selectors []PolicySelector `yaml:"selectors,omitempty" rule:"default=all"`
	// Events are the topics, Cloud Deploy's.
	Events []string `yaml:"events,omitempty" rule:"unique,enum=resources|operations|approvals|advances,default=all"`
	// Webhook is any server that takes CloudEvents.
	Webhook *NotificationWebhook `yaml:"webhook,omitempty"`
	// Slack is a channel of Slack.
	Slack *NotificationSlack `yaml:"slack,omitempty"`
	// PubSub is Google Pub/Sub, with Cloud Deploy's topics.
	PubSub *NotificationPubSub `yaml:"pubsub,omitempty"`
	// Flagger is a server that takes the event webhooks of Flagger.
	Flagger *NotificationFlagger `yaml:"flagger,omitempty"`
}

// NotificationWebhook takes CloudEvents 1.0 in structured mode, by POST.
type NotificationWebhook struct {
	// URL is where to; its host must be among SERIN_HTTP_HOSTS of the workers.
	URL string `yaml:"url" rule:"required"`
	// Secret signs each request with HMAC-SHA256, in the headers webhook-id,
	// webhook-timestamp and webhook-signature of Standard Webhooks.
	Secret *SecretReference `yaml:"secret,omitempty" rule:"default=requests are not signed"`
	// Headers are sent along. They are no place for credentials.
	Headers map[string]string `yaml:"headers,omitempty"`
}

// NotificationSlack is an incoming webhook of Slack.
type NotificationSlack struct {
	// URL refers to the URL of the incoming webhook, which is a secret.
	URL SecretReference `yaml:"url" rule:"required"`
	// Channel is where to, such as "#releases"; many webhooks allow only their own.
	Channel string `yaml:"channel,omitempty" rule:"default=the webhook's own"`
}

// NotificationPubSub publishes to clouddeploy-resources, clouddeploy-operations,
// clouddeploy-approvals and clouddeploy-advances, which must exist.
type NotificationPubSub struct {
	// Project is the id of the project of the topics.
	Project string `yaml:"project" rule:"required"`
	// Endpoint is the address of an emulator, host:port, which is spoken to without
	// credentials; its host must be among SERIN_HTTP_HOSTS of the workers.
	Endpoint string `yaml:"endpoint,omitempty" rule:"default=Google's"`
}

// NotificationFlagger takes what Flagger sends to a webhook of type event.
type NotificationFlagger struct {
	// URL is where to; its host must be among SERIN_HTTP_HOSTS of the workers.
	URL string `yaml:"url" rule:"required"`
}
