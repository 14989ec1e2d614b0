package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	historypb "go.temporal.io/api/history/v1"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/workflows"
)

// TestAReceiverThatWasDownHearsEverything of a rollout in order, and the rollout does not wait for it. Its history has one
// event for each message, no history has the secret, and each of them replays to its end.
func TestAReceiverThatWasDownHearsEverything(t *testing.T) {
	const secret = "a-path-that-nobody-may-see"
	requests := make(chan string, 100)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 { // the notifier asks one after another
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- string(body)
	}))
	t.Cleanup(server.Close)
	t.Setenv("SERIN_SECRET_E2E_SLACK", server.URL+"/"+secret)
	s := newScene(t, "told", []int{25}, "")
	s.drive.Apply([]byte("apiVersion: serin.dev/v1\nkind: Notification\nmetadata: {name: room}\n" +
		"selectors: [{deliveryPipeline: {id: told}}]\nslack: {url: {env: SERIN_SECRET_E2E_SLACK}}\n"))
	v1 := s.release("v1")
	s.until(v1, drive.In(rollout.StateSucceeded))
	want := []string{`: created`, `: granted`, `: stable started`, `: stable shifted 100%`, `: stable succeeded`, `: ended SUCCEEDED`}
	for _, expression := range want {
		select {
		case body := <-requests:
			if !regexp.MustCompile(expression).MatchString(body) {
				t.Errorf("it heard %s, want %s", body, expression)
			}
		case <-s.ctx.Done():
			t.Fatalf("it did not hear %q", expression)
		}
	}
	for _, id := range []string{rollout.RolloutID("told", v1), rollout.NotifierID, rollout.NotifierOf("room")} {
		events, err := s.w.History(s.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		messages := 0
		for _, e := range events {
			if e.GetMarkerRecordedEventAttributes().GetMarkerName() == "LocalActivity" {
				messages++
			}
			if e.GetWorkflowTaskFailedEventAttributes() != nil || strings.Contains(e.String(), secret) {
				t.Errorf("%s: %s", id, e)
			}
		}
		if messages > 6 {
			t.Errorf("%s: %d local activities for %d notices", id, messages, len(want))
		}
		r := sdkworker.NewWorkflowReplayer()
		workflows.Register(r)
		if err := r.ReplayWorkflowHistory(nil, &historypb.History{Events: events}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
