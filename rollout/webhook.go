package rollout

import "time"

// The types of webhooks that are asked, Flagger's: docs.flagger.app/usage/webhooks.
const (
	WebhookConfirmRollout         = "confirm-rollout"          // before the first phase; refused, it waits
	WebhookConfirmTrafficIncrease = "confirm-traffic-increase" // before each phase with more traffic
	WebhookConfirmPromotion       = "confirm-promotion"        // before stable
	WebhookRollback               = "rollback"                 // 2xx: the phase fails
)

// Webhook is a server that is asked with Flagger's payload. An answer of at most 202 is a yes.
type Webhook struct {
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	URL      string            `json:"url"`
	Interval time.Duration     `json:"interval"` // between two questions
	Timeout  time.Duration     `json:"timeout"`  // of one question
	Metadata map[string]string `json:"metadata,omitempty"`
}
