package release_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

const notifications = `---
apiVersion: serin.dev/v1
kind: Notification
metadata: {name: ops}
webhook: {url: "https://hooks.example.com/", secret: {env: SERIN_SECRET_HOOK}}
---
apiVersion: serin.dev/v1
kind: Notification
metadata: {name: high}
selectors: [{target: {labels: {tier: high}}}]
flagger: {url: "http://events"}
`

func TestNotificationsAreReadLive(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	notices := []rollout.Notice{{Pipeline: "shop", Target: "prod"}, {Pipeline: "shop", Target: "eu", Parent: "prod"}}
	want := func(expected ...[]string) {
		t.Helper()
		if got, err := d.Wanting(t.Context(), notices); err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("wanted by %v, %v; want %v", got, err, expected)
		}
	}
	want(nil, nil)
	d.apply(t, configuration+notifications)
	want([]string{"ops"}, []string{"ops"})
	d.apply(t, strings.Replace(configuration, "name: prod", "name: prod, labels: {tier: high}", 1))
	want([]string{"high", "ops"}, []string{"high", "ops"})

	n, err := d.Notification(t.Context(), "ops")
	if err != nil || n.Webhook == nil || n.Webhook.Secret.Env != "SERIN_SECRET_HOOK" {
		t.Errorf("%+v, %v", n, err)
	}
	_, err = d.Notification(t.Context(), "old")
	if rollout.KindOf(err) != rollout.NotFound || !strings.Contains(err.Error(), "known are high, ops") {
		t.Errorf("got %v", err)
	}
	for i := range d.index.Entries { // a store that lost a document
		d.index.Entries[i].Digest = "sha256:" + strings.Repeat("0", 64)
	}
	if _, err = d.Notification(t.Context(), "ops"); rollout.KindOf(err) != rollout.Transient {
		t.Errorf("got %v", err)
	}
}

// TestAReleaseKnowsThatSomebodyIsTold, and no more: by whom and how is read when there is something to tell.
func TestAReleaseKnowsThatSomebodyIsTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration+notifications)
	res, err := d.PlanRelease(t.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest), Images: map[string]string{"app": "app@sha256:" + strings.Repeat("a", 64)}})
	if err != nil || !res.Stages[0].Plan.Notify {
		t.Errorf("%+v, %v", res, err)
	}
}
