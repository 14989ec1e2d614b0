package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func TestAnAbandonedReleaseIsRolledOutNoMore(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration)
	if _, err := d.PlanRelease(t.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest)}); err != nil {
		t.Fatal(err)
	}
	ask := func(command, name string) string {
		return d.ask(t, june(), activities.PermitRequest{Command: command, Release: name}).Refused
	}
	if got := ask(rollout.UpdatePromote, "v1"); got != "" {
		t.Errorf("before: %s", got)
	}
	clock := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for _, by := range []string{"ann", "bob"} { // the second time changes nothing
		clock = clock.Add(time.Hour)
		if err := d.WithClock(func() time.Time { return clock }).Abandon(t.Context(), rollout.Abandon{
			Pipeline: "shop", Release: "v1", Actor: by, Reason: "broken",
		}); err != nil {
			t.Fatal(err)
		}
	}
	content, err := d.store.GetNamed(t.Context(), rollout.AbandonedName("shop", "v1"))
	if want := `{"actor":"ann","reason":"broken","time":"2026-06-01T13:00:00Z"}`; err != nil || string(content) != want {
		t.Errorf("stored %s, %v; want %s", content, err, want)
	}
	for _, command := range []string{"promote", "rollback", "redeploy", "create"} {
		if got, want := ask(command, "v1"), "release v1 was abandoned by ann (broken): make a new release"; got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	for _, command := range []string{"advance", "retryJob", "approve", "cancel"} {
		if got := ask(command, "v1"); got != "" {
			t.Errorf("%s of a rollout that is under way: %q", command, got)
		}
	}
	if got := ask("promote", "v2"); got != "" {
		t.Errorf("another release: %q", got)
	}
}

func TestAbandonRefusesWhatWasNeverPlanned(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration)
	err := d.Abandon(t.Context(), rollout.Abandon{Pipeline: "shop", Release: "v9", Actor: "ann"})
	kind, text := activities.Cause(err)
	if want := "abandon release shop/v9: no release of that name was planned"; kind != rollout.NotFound || text != want {
		t.Errorf("got %s %q, want %q", kind, text, want)
	}
	err = d.Abandon(t.Context(), rollout.Abandon{Pipeline: "shop"})
	if kind, text = activities.Cause(err); err == nil || strings.Contains(text, "panic") {
		t.Errorf("without a name: %s %q", kind, text)
	}
}
