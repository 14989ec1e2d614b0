package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// slack posts to an incoming webhook, whose URL is a secret: no error shows it.
type slack struct {
	post
	channel string
}

// slackMessage is the payload of an incoming webhook: api.slack.com/messaging/webhooks.
type slackMessage struct {
	Channel string `json:"channel,omitempty"`
	Text    string `json:"text"`
}

func (a *Activities) newSlack(c rollout.SlackSink) (sink, error) {
	address, err := a.secrets.Resolve(c.URL)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, &rollout.Error{
			Op: "read secret", On: c.URL.Env + c.URL.File, Kind: rollout.Invalid, Err: errors.New("it is no URL"), Fix: "give it the URL of an incoming webhook",
		}
	}
	return slack{post: post{client: a.client, url: address, on: "Slack"}, channel: c.Channel}, nil
}

func (s slack) send(ctx context.Context, n rollout.Notice) error {
	body, err := json.Marshal(slackMessage{Channel: s.channel, Text: slackText(n)})
	if err != nil {
		return s.fail(rollout.Invalid, err)
	}
	return s.do(ctx, body, http.Header{"Content-Type": {"application/json"}})
}

// slackText reads
//
//	:warning: *shop* v2 to prod: canary-25 verify failed: exit code 1
//	v2-to-prod-0001 is IN_PROGRESS
//	`serin rollout advance ...`
//
// What people have written is escaped: & < > make links and mentions.
func slackText(n rollout.Notice) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	text := mark(n) + "*" + escape(n.Pipeline) + "* " + escape(n.Release) + " to " + escape(n.Target) + ": " + escape(n.Text) +
		"\n" + escape(n.Rollout) + " is " + string(n.State)
	if n.Command != "" {
		text += "\n`" + escape(strings.ReplaceAll(n.Command, "`", "'")) + "`"
	}
	return text
}

// mark is what the eye finds first.
func mark(n rollout.Notice) string {
	switch n.Action {
	case rollout.NoticeFailure, rollout.NoticeRestoreFailed, rollout.NoticeTerminated, rollout.NoticeRejected:
		return ":x: "
	case rollout.NoticeRequired, rollout.NoticeWaiting:
		return ":warning: "
	case rollout.NoticeSucceed, rollout.NoticeApproved, rollout.NoticeRestored:
		return ":white_check_mark: "
	default:
		return ""
	}
}

func (slack) close() error { return nil }
