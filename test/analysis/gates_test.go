package analysis_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// door is a server of webhooks: it says yes to those that are open.
type door struct {
	url string

	mu    sync.Mutex
	open  map[string]bool // by id, which is the path
	asked []string        // each question once, in the order of their first time
}

// doors has these open.
func doors(t *testing.T, open ...string) *door {
	t.Helper()
	d := &door{open: map[string]bool{}}
	for _, id := range open {
		d.open[id] = true
	}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// ServeHTTP answers as Flagger's load tester does.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is cut off is no question that a row wants
	question := r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.asked, question) {
		d.asked = append(d.asked, question)
	}
	if !d.open[strings.TrimPrefix(r.URL.Path, "/")] {
		w.WriteHeader(http.StatusForbidden)
	}
}

func (d *door) opens(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[id] = true
}

// heard wants the questions so far, a line "/ID TYPE PHASE WEIGHT" each. All have the same checksum.
func (s *scene) heard(d *door, release string, want ...string) {
	s.T.Helper()
	d.mu.Lock()
	got := slices.Clone(d.asked)
	d.mu.Unlock()
	sum := regexp.MustCompile(`"checksum":"[0-9a-f]{64}"`).FindString(strings.Join(got, ""))
	if sum == "" {
		s.T.Fatalf("no question has a checksum:\n  %s", strings.Join(got, "\n  "))
	}
	for i, line := range want {
		var id, kind, phase, weight string
		if _, err := fmt.Sscan(line, &id, &kind, &phase, &weight); err != nil {
			s.T.Fatal(err)
		}
		want[i] = "POST " + id + ` application/json {"name":"` + s.name + `","namespace":"serin","phase":"Progressing",` + sum +
			`,"metadata":{"team":"shop"},"type":"` + kind + `","pipeline":"` + s.name + `","release":"` + release +
			`","rollout":"` + s.last + `","target":"` + s.Target + `","rolloutPhase":"` + phase + `","weight":` + weight + `}`
	}
	if !slices.Equal(got, want) {
		s.T.Errorf("the webhooks were asked\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestGates: each gate holds its phase while it is shut, the rollout says so, and it goes on once the gate opens.
func TestGates(t *testing.T) {
	t.Parallel()
	split := []string{"v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%"}
	for _, row := range []struct {
		shut, phase string
		before      int // how many lines of the path come before the wait
		gave        []string
	}{
		{shut: "rollout", phase: "canary-25", before: 4, gave: split[:1]},
		{shut: "traffic", phase: "canary-50", before: 8, gave: split[:2]},
		{shut: "promotion", phase: "stable", before: 12, gave: split[:3]},
	} {
		t.Run(row.shut, func(t *testing.T) {
			t.Parallel()
			ids := []string{"rollout", "traffic", "promotion"}
			d := doors(t, slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == row.shut })...)
			s := open(t, "gate-"+row.shut, options{percentages: []int{25, 50}})
			s.configure(options{percentages: []int{25, 50}, extra: "webhooks:\n" +
				hook(d, "rollout", rollout.WebhookConfirmRollout) + hook(d, "traffic", rollout.WebhookConfirmTrafficIncrease) + hook(d, "promotion", rollout.WebhookConfirmPromotion)})
			s.release("v2", "")
			r := s.until(drive.WaitsFor(rollout.WaitPerson))
			if why := "webhook " + row.shut + " has not confirmed that " + row.phase + " begins"; r.Waiting.Reason != why {
				t.Errorf("it waits because %q, want %q", r.Waiting.Reason, why)
			}
			s.gave(row.gave...)
			d.opens(row.shut)
			path := []string{
				"created by ann", "granted", "baseline", "settled",
				"canary-25 started", "canary-25 shifted 25%", "canary-25 succeeded", "canary-50 advanced by automation",
				"canary-50 started", "canary-50 shifted 50%", "canary-50 succeeded", "stable advanced by automation",
				"stable started", "stable shifted 100%", "stable succeeded", "ended SUCCEEDED",
			}
			s.ends(rollout.StateSucceeded, slices.Insert(path, row.before,
				"waits for person: webhook "+row.shut+" has not confirmed that "+row.phase+" begins",
				row.phase+" resumed: webhook "+row.shut+" has confirmed")...)
			s.gave(split...)
			s.heard(d, "v2", "/rollout confirm-rollout canary-25 25", "/traffic confirm-traffic-increase canary-50 50", "/promotion confirm-promotion stable 100")
		})
	}
}

// hook is a webhook of the door's, asked each second.
func hook(d *door, id, kind string) string {
	return fmt.Sprintf("- {id: %s, type: %s, url: %q, interval: 1s, metadata: {team: shop}}\n", id, kind, d.url+"/"+id)
}

// TestRollbackWebhook: its yes takes the requests back, while the release is watched and while it waits.
func TestRollbackWebhook(t *testing.T) {
	t.Parallel()
	const asked = "/back rollback canary-50 50"
	t.Run("analysis", func(t *testing.T) {
		t.Parallel()
		d := doors(t)
		s := open(t, "back-analysis", options{})
		s.configure(options{
			canary: "analysis: {duration: 3600s, prometheus: {address: " + shared.prometheus.URL + ", checks: [" + limited("errors", "vector(0)") + "]}}",
			extra:  "webhooks:\n" + hook(d, "back", rollout.WebhookRollback),
		})
		s.release("v2", "")
		s.look(sampled(2))
		s.gave("v1 100%", "v1 50%, v2 50%")
		d.opens("back")
		s.ends(rollout.StateFailed, watching("canary-50 analysis failed: back: it asks to roll back", "restored", "failed")...)
		s.gave("v1 100%", "v1 50%, v2 50%", "v1 100%")
		s.heard(d, "v2", asked)
	})
	t.Run("waiting", func(t *testing.T) {
		t.Parallel()
		d := doors(t)
		s := open(t, "back-waiting", options{})
		yaml := s.config
		yaml.Canary = strings.Replace(yaml.Canary, "mode: automatic", "mode: manual", 1) + "\nwebhooks:\n" + hook(d, "back", rollout.WebhookRollback)
		s.Apply(yaml.YAML())
		s.release("v2", "")
		s.until(drive.AsksFor(rollout.StablePhase))
		s.gave("v1 100%", "v1 50%, v2 50%")
		d.opens("back")
		s.ends(rollout.StateFailed, append(watching()[:7],
			"waits for advance: canary-50 is done; stable gives the release 100%", "canary-50 failed: webhook back asks to roll back", "restored", "failed")...)
		s.gave("v1 100%", "v1 50%, v2 50%", "v1 100%")
		s.heard(d, "v2", asked)
	})
}
