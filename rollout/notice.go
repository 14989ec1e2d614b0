package rollout

import "time"

// NotifierID is the id of the namespace's workflow that takes notices and passes them on to the
// notifiers of those who want them.
const NotifierID = "notifier"

// WorkflowNotifier is the type of NotifierID and of every notifier of one Notification.
const WorkflowNotifier = "Notifier" // NotifierStatus

// SignalNotices brings notices to a notifier: Notices.
const SignalNotices = "notices"

// NotifierOf returns the workflow id of the notifier of the named Notification; of "" it is
// NotifierID.
func NotifierOf(notification string) string {
	if notification == "" {
		return NotifierID
	}
	return NotifierID + "/" + notification
}

// Topic is a stream of notices, one of Cloud Deploy's.
type Topic string

// The topics.
const (
	TopicResources  Topic = "resources"
	TopicOperations Topic = "operations"
	TopicApprovals  Topic = "approvals"
	TopicAdvances   Topic = "advances"
)

// Topics lists the topics.
func Topics() []Topic {
	return []Topic{TopicResources, TopicOperations, TopicApprovals, TopicAdvances}
}

// NoticeAction is what a notice tells, in Cloud Deploy's words as far as it has one.
type NoticeAction string

// The actions. The last three are Serin's own.
const (
	NoticeCreate     NoticeAction = "Create"     // resources
	NoticeUpdate     NoticeAction = "Update"     // resources: the weight
	NoticeStart      NoticeAction = "Start"      // operations
	NoticeSucceed    NoticeAction = "Succeed"    // operations
	NoticeFailure    NoticeAction = "Failure"    // operations
	NoticeTerminated NoticeAction = "Terminated" // operations, of a job run
	NoticeCancelled  NoticeAction = "Cancelled"  // operations, of a rollout
	NoticeRequired   NoticeAction = "Required"   // approvals, advances
	NoticeApproved   NoticeAction = "Approved"   // approvals
	NoticeRejected   NoticeAction = "Rejected"   // approvals
	NoticeAdvanced   NoticeAction = "Advanced"   // advances

	NoticeWaiting       NoticeAction = "Waiting"       // operations: for a person, a worker or metrics
	NoticeRestored      NoticeAction = "Restored"      // operations: all traffic is back
	NoticeRestoreFailed NoticeAction = "RestoreFailed" // operations: it is not, and a person must look
)

// The types of what a notice is about.
const (
	ResourceRollout = "Rollout"
	ResourceJobRun  = "JobRun"
)

// RolloutType tells the rollouts of one release to several targets apart.
type RolloutType string

// The types of rollouts.
const (
	RolloutSingle     RolloutType = "SINGLE"
	RolloutController RolloutType = "CONTROLLER"
	RolloutChild      RolloutType = "CHILD"
)

// Notice is one event of a rollout as others are told of it. It is at most 1 KB. Whoever hears the
// same ID twice has heard the same.
type Notice struct {
	ID       string       `json:"id"`  // "rollout/shop/v2-to-prod-0001/7"
	Seq      int          `json:"seq"` // counts the rollout's notices from 1, without gaps
	Time     time.Time    `json:"time"`
	Topic    Topic        `json:"topic"`
	Action   NoticeAction `json:"action"`
	Resource string       `json:"resourceType"` // ResourceRollout or ResourceJobRun

	Pipeline string      `json:"pipeline"`
	Target   string      `json:"target"`
	Release  string      `json:"release"`
	Rollout  string      `json:"rollout"`
	Type     RolloutType `json:"rolloutType"`
	// Of a child: its controller's rollout and target.
	Controller string `json:"controllerRollout,omitempty"`
	Parent     string `json:"parentTarget,omitempty"`

	Phase   string  `json:"phase,omitempty"` // of an advance that is required: the one that waits
	Job     JobKind `json:"job,omitempty"`
	Attempt int     `json:"attempt,omitempty"` // of the job run, from 1

	State   State    `json:"state"`            // of the rollout, after the event
	Weight  *Weight  `json:"weight,omitempty"` // the share given last; nil before the first shift
	Text    string   `json:"text"`             // one line for people
	Actor   string   `json:"actor,omitempty"`
	Command string   `json:"command,omitempty"` // what answers it, where it waits
	For     WaitFor  `json:"waitingFor,omitempty"`
	Service string   `json:"service,omitempty"`   // Deployment, or service of Cloud Run; "" of a controller
	Space   string   `json:"namespace,omitempty"` // of a Deployment
	Place   Location `json:"location,omitempty"`
}

// Location is the resource name of a region or a cluster, such as "projects/P/locations/L"; "" where
// the target has none.
type Location string

// Notices is the message to a notifier.
type Notices struct {
	Notices []Notice `json:"notices"`
	Lost    int      `json:"lost,omitempty"` // before them: nobody took them in time
}

// Notification says who is told of what. It carries references to secrets, never one, and goes
// into no history. Exactly one of its last four fields is set.
type Notification struct {
	Name   string
	Topics []Topic // empty: all

	Webhook *WebhookSink
	Slack   *SlackSink
	PubSub  *PubSubSink
	Flagger *FlaggerSink
}

// WebhookSink takes CloudEvents 1.0 in structured mode, by POST.
type WebhookSink struct {
	URL     string
	Secret  *Secret // signs each request; nil: they are not signed
	Headers map[string]string
}

// SlackSink is an incoming webhook of Slack, whose URL is the secret.
type SlackSink struct {
	URL     Secret
	Channel string // "" is the webhook's own
}

// PubSubSink publishes to the topics clouddeploy-resources, -operations, -approvals and -advances.
type PubSubSink struct {
	Project  string
	Endpoint string // "host:port" of an emulator, without credentials; "" is Google's
}

// FlaggerSink takes what Flagger's event webhooks do.
type FlaggerSink struct {
	URL string
}

// NotifierStatus is what is known of a notifier, and what it goes on with when it continues as new.
type NotifierStatus struct {
	Notification string   `json:"notification,omitempty"` // "": the namespace's, which passes on
	Queue        []Notice `json:"queue,omitempty"`        // not delivered yet, in order
	Recent       []string `json:"recent,omitempty"`       // what came last, to know what comes twice

	Delivered int       `json:"delivered"`
	Dropped   int       `json:"dropped,omitempty"`
	Last      time.Time `json:"last,omitzero"` // when something was delivered last

	// Failure is why the first of Queue could not be delivered, last tried before Failed; both are
	// zero once one was. Failures counts in a row how often that was noticed.
	Failure  string    `json:"failure,omitempty"`
	Failed   time.Time `json:"failed,omitzero"`
	Failures int       `json:"failures,omitempty"`
	Notes    []string  `json:"notes,omitempty"` // the newest 20: what was dropped, and why
}
