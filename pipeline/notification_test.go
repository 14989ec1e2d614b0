package pipeline_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

const notified = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: shop, labels: {team: shop}}
serialPipeline: {stages: [{targetId: test}, {targetId: all}]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: test}
run: {location: projects/p/locations/l}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: all, labels: {tier: high}}
multiTarget: {targetIds: [eu, us]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: eu}
run: {location: projects/p/locations/l}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: us}
run: {location: projects/p/locations/m}
`

// notify is a Notification with the given name and further lines.
func notify(name, lines string) string {
	return "---\napiVersion: serin.dev/v1\nkind: Notification\nmetadata: {name: " + name + "}\nflagger: {url: http://events}\n" + lines + "\n"
}

func TestWantingIsByTopicPipelineAndTarget(t *testing.T) {
	t.Parallel()
	c := load(t, notified+
		notify("everything", "")+
		notify("approvals", "events: [approvals]")+
		notify("of-us", "selectors: [{target: {id: us}}]")+
		notify("of-high", "selectors: [{deliveryPipeline: {labels: {team: shop}}, target: {labels: {tier: high}}}]")+
		notify("of-other", "selectors: [{deliveryPipeline: {id: other}}]"))
	for _, row := range []struct {
		pipeline, target, parent string
		topic                    rollout.Topic
		want                     string
	}{
		{"shop", "test", "", rollout.TopicAdvances, "everything"},
		{"shop", "test", "", rollout.TopicApprovals, "approvals, everything"},
		{"shop", "all", "", rollout.TopicOperations, "everything, of-high"},
		{"shop", "us", "all", rollout.TopicOperations, "everything, of-high, of-us"},
		{"shop", "eu", "all", rollout.TopicOperations, "everything, of-high"},
		{"other", "gone", "", rollout.TopicOperations, "everything, of-other"},
	} {
		got := strings.Join(c.Wanting(rollout.Notice{Pipeline: row.pipeline, Target: row.target, Parent: row.parent, Topic: row.topic}), ", ")
		if got != row.want {
			t.Errorf("%s of %s to %s: %s, want %s", row.topic, row.pipeline, row.target, got, row.want)
		}
	}
}

// TestPlansSayWhetherAnybodyIsTold: a rollout that nobody asks about tells nothing.
func TestPlansSayWhetherAnybodyIsTold(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, yaml, want string
	}{
		{"nobody", "", ""},
		{"everybody", notify("a", ""), "test all eu us"},
		{"of one child", notify("a", "selectors: [{target: {id: us}}]"), "us"},
		{"of a multi-target, and so of its children", notify("a", "selectors: [{target: {labels: {tier: high}}}]"), "all eu us"},
		{"of another pipeline", notify("a", "selectors: [{deliveryPipeline: {id: other}}]"), ""},
	} {
		stages, err := pipeline.Compile(load(t, notified+row.yaml), pipeline.Request{Pipeline: "shop", Release: "v1"})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, s := range stages {
			for _, each := range append([]pipeline.Stage{s}, s.Children...) {
				if each.Plan.Notify {
					told = append(told, each.Target)
				}
			}
		}
		if got := strings.Join(told, " "); got != row.want {
			t.Errorf("%s: told of %q, want %q", row.name, got, row.want)
		}
	}
}

func TestNotificationIsWhatItsDocumentSays(t *testing.T) {
	t.Parallel()
	c := load(t, notify("f", "events: [advances, approvals]")+`---
apiVersion: serin.dev/v1
kind: Notification
metadata: {name: w}
webhook: {url: "https://hooks/x", secret: {file: hook}, headers: {A: b}}
---
apiVersion: serin.dev/v1
kind: Notification
metadata: {name: s}
slack: {url: {env: SERIN_SECRET_S}, channel: "#a"}
---
apiVersion: serin.dev/v1
kind: Notification
metadata: {name: p}
pubsub: {project: shop-project, endpoint: "localhost:1"}
`)
	for _, want := range []rollout.Notification{
		{Name: "f", Topics: []rollout.Topic{rollout.TopicAdvances, rollout.TopicApprovals}, Flagger: &rollout.FlaggerSink{URL: "http://events"}},
		{Name: "w", Webhook: &rollout.WebhookSink{URL: "https://hooks/x", Secret: &rollout.Secret{File: "hook"}, Headers: map[string]string{"A": "b"}}},
		{Name: "s", Slack: &rollout.SlackSink{URL: rollout.Secret{Env: "SERIN_SECRET_S"}, Channel: "#a"}},
		{Name: "p", PubSub: &rollout.PubSubSink{Project: "shop-project", Endpoint: "localhost:1"}},
	} {
		if got, ok := c.Notification(want.Name); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", want.Name, got)
		}
	}
	if _, ok := c.Notification("none"); ok {
		t.Error("there is none of that name")
	}
}
