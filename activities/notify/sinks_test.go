package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/serin-dev/serin/rollout"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s", file, got)
	}
}

// indented is a list of JSON documents, one after another.
func indented(t *testing.T, documents []string) string {
	t.Helper()
	var b strings.Builder
	for _, d := range documents {
		var v any
		if err := json.Unmarshal([]byte(d), &v); err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

// TestAWebhookTakesCloudEvents checks each request as a receiver does that has read Standard
// Webhooks and CloudEvents.
func TestAWebhookTakesCloudEvents(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, secret, key string }{
		{"a secret of Standard Webhooks", secretValue, "serin-key-that-nobody-knows"},
		{"any other text", "plain", "plain"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t)
			o := newOffice(rollout.Notification{Webhook: &rollout.WebhookSink{
				URL: r.URL + "/hook", Secret: &rollout.Secret{Env: "SERIN_SECRET_HOOK"}, Headers: map[string]string{"x-team": "shop"},
			}}, map[string]string{"SERIN_SECRET_HOOK": row.secret})
			if res, err := o.deliver(t, notices()); err != nil || res.Done != 4 {
				t.Fatalf("%+v, %v", res, err)
			}
			for i, req := range r.requests {
				h := req.Header
				mac := hmac.New(sha256.New, []byte(row.key))
				mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + r.bodies[i]))
				if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("webhook-signature") != want {
					t.Errorf("signature %s, want %s", h.Get("webhook-signature"), want)
				}
				var event struct {
					ID string `json:"id"`
				}
				if err := json.Unmarshal([]byte(r.bodies[i]), &event); err != nil || event.ID != h.Get("webhook-id") {
					t.Errorf("id %q and webhook-id %q: %v", event.ID, h.Get("webhook-id"), err)
				}
				if req.Method != http.MethodPost || req.URL.Path != "/hook" || h.Get("X-Team") != "shop" || h.Get("Content-Type") != "application/cloudevents+json" {
					t.Errorf("%s %s %v", req.Method, req.URL, h)
				}
			}
			golden(t, "cloudevents.json", indented(t, r.bodies))
		})
	}
}

func TestAWebhookWithoutASecretIsNotSigned(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	o := newOffice(rollout.Notification{Webhook: &rollout.WebhookSink{URL: r.URL}}, nil)
	if _, err := o.deliver(t, notices()[:1]); err != nil {
		t.Fatal(err)
	}
	if h := r.requests[0].Header; h.Get("webhook-signature") != "" || h.Get("webhook-id") == "" {
		t.Errorf("headers %v", h)
	}
}

func TestSlackReadsText(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	o := newOffice(rollout.Notification{Slack: &rollout.SlackSink{URL: rollout.Secret{Env: "SERIN_SECRET_SLACK"}, Channel: "#releases"}},
		map[string]string{"SERIN_SECRET_SLACK": r.URL + "/services/" + secretPath})
	if _, err := o.deliver(t, notices()); err != nil {
		t.Fatal(err)
	}
	if path := r.requests[0].URL.Path; path != "/services/"+secretPath {
		t.Errorf("path %s", path)
	}
	golden(t, "slack.json", indented(t, r.bodies))
}

// TestSlackThatAnswersWithTheURLDoesNotGiveItAway: the answer of a receiver is in errors.
func TestSlackThatAnswersWithTheURLDoesNotGiveItAway(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	address := r.URL + "/services/" + secretPath
	r.answer = func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no_service at "+address, http.StatusNotFound)
	}
	o := newOffice(rollout.Notification{Slack: &rollout.SlackSink{URL: rollout.Secret{Env: "SERIN_SECRET_SLACK"}}},
		map[string]string{"SERIN_SECRET_SLACK": address})
	_, err := o.deliver(t, notices())
	if err == nil || strings.Contains(err.Error(), secretPath) || !strings.Contains(err.Error(), "to Slack: 404 Not Found") {
		t.Errorf("got %v", err)
	}
}

func TestFlaggerReadsItsOwnPayload(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	o := newOffice(rollout.Notification{Flagger: &rollout.FlaggerSink{URL: r.URL}}, nil)
	all := notices()
	all[2].Space, all[3].Service, all[3].Space, all[3].Place = "", "", "", "" // on Cloud Run; of a controller
	if _, err := o.deliver(t, all); err != nil {
		t.Fatal(err)
	}
	golden(t, "flagger.json", indented(t, r.bodies))
}

// published runs Google's own Pub/Sub of tests.
func published(t *testing.T, topics ...rollout.Topic) *pstest.Server {
	t.Helper()
	server := pstest.NewServer()
	t.Cleanup(func() { server.Close() })
	for _, topic := range topics {
		if _, err := server.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/shop-project/topics/clouddeploy-" + string(topic)}); err != nil {
			t.Fatal(err)
		}
	}
	return server
}

func TestPubSubHasTheTopicsAndAttributesOfCloudDeploy(t *testing.T) {
	t.Parallel()
	server := published(t, rollout.Topics()...)
	o := newOffice(rollout.Notification{PubSub: &rollout.PubSubSink{Project: "shop-project", Endpoint: server.Addr}}, nil)
	all := notices()
	all[3].Type, all[3].Controller = rollout.RolloutChild, "v2-to-all-0001"
	if res, err := o.deliver(t, all); err != nil || res.Done != 4 {
		t.Fatalf("%+v, %v", res, err)
	}
	common := map[string]string{
		"DeliveryPipelineId": "shop", "TargetId": "prod", "ReleaseId": "v2", "RolloutId": "v2-to-prod-0001", "Location": "europe-west1",
		"Resource": "deliveryPipelines/shop/releases/v2/rollouts/v2-to-prod-0001", "ResourceType": "Rollout", "RolloutType": "SINGLE",
	}
	run := map[string]string{
		"Resource":     "deliveryPipelines/shop/releases/v2/rollouts/v2-to-prod-0001/jobRuns/canary-25-verify-2",
		"ResourceType": "JobRun", "JobRunId": "canary-25-verify-2", "JobId": "verify", "PhaseId": "canary-25",
	}
	want := []map[string]string{
		{"Action": "Required"},
		merged(run, map[string]string{"Action": "Start"}),
		merged(run, map[string]string{"Action": "Failure"}),
		{"Action": "Required", "PhaseId": "stable", "RolloutType": "CHILD", "ControllerRollout": "v2-to-all-0001"},
	}
	messages := server.Messages()
	if len(messages) != len(want) {
		t.Fatalf("%d messages", len(messages))
	}
	for i, m := range messages {
		expected := merged(common, want[i], map[string]string{"NoticeId": all[i].ID})
		if !reflect.DeepEqual(m.Attributes, expected) {
			t.Errorf("%d: attributes %v\nwant %v", i, m.Attributes, expected)
		}
		if topic := "projects/shop-project/topics/clouddeploy-" + string(all[i].Topic); m.Topic != topic || m.OrderingKey != "rollout/shop/v2-to-prod-0001" {
			t.Errorf("%d: topic %s, ordering key %s", i, m.Topic, m.OrderingKey)
		}
		var event struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(m.Data, &event); err != nil || event.ID != all[i].ID {
			t.Errorf("%d: %s", i, m.Data)
		}
	}
}

func merged(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, each := range all {
		for k, v := range each {
			out[k] = v
		}
	}
	return out
}

func TestPubSubSaysWhichTopicIsMissing(t *testing.T) {
	t.Parallel()
	server := published(t, rollout.TopicApprovals)
	o := newOffice(rollout.Notification{PubSub: &rollout.PubSubSink{Project: "shop-project", Endpoint: server.Addr}}, nil)
	res, err := o.deliver(t, notices())
	if err != nil || res.Done != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	_, err = o.deliver(t, notices()[1:])
	if err == nil || !strings.Contains(err.Error(), "gcloud pubsub topics create clouddeploy-operations --project shop-project") {
		t.Errorf("got %v", err)
	}
}
