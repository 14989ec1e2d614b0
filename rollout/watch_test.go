package rollout_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestWhichRevisionIsToBecomeARelease(t *testing.T) {
	t.Parallel()
	split := func(shares ...rollout.Share) rollout.Split { return shares }
	for _, row := range []struct {
		name  string
		found rollout.FoundService
		known rollout.WatchedService // what the pass before has left
		want  string
		says  string
	}{
		{
			name:  "a new one without traffic",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Ready: "v2"},
			want:  "v2", says: "v2 has no traffic",
		},
		{
			name:  "a tag is no traffic",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}, rollout.Share{Revision: "v2", Tags: []string{"next"}}), Ready: "v2"},
			want:  "v2", says: "v2 has no traffic",
		},
		{
			name:  "the one that serves",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Ready: "v1"},
			says:  "v1 serves",
		},
		{
			name:  "one that is under way",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 80}, rollout.Share{Revision: "v2", Percent: 20}), Ready: "v2"},
			says:  "v2 has 20%",
		},
		{
			name:  "one that is not ready",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Ready: "v1", Made: "v2"},
			says:  "v1 serves; v2 is not ready",
		},
		{
			name:  "none is ready",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Made: "v1"},
			says:  "no revision is ready; v1 is not ready",
		},
		{name: "a service that serves nothing", found: rollout.FoundService{Ready: "v1"}, says: "it serves nothing"},
		{
			name:  "one that is a release",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Ready: "v2"},
			known: rollout.WatchedService{Release: "v2", Served: []string{"v2", "v1"}},
			says:  "v2 has no traffic; it is a release already",
		},
		{
			name:  "one that somebody has taken back",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Ready: "v2"},
			known: rollout.WatchedService{Served: []string{"v2"}},
			says:  "v2 has no traffic; it had some before, and somebody took it away",
		},
		{
			name:  "a newer one than was taken back",
			found: rollout.FoundService{Split: split(rollout.Share{Revision: "v1", Percent: 100}), Ready: "v3"},
			known: rollout.WatchedService{Release: "v2", Served: []string{"v2", "v1"}},
			want:  "v3", says: "v3 has no traffic",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := row.known
			if got := w.Seen(row.found); got != row.want || !strings.HasPrefix(w.Says, row.says) {
				t.Errorf("got %q, %q; want %q, %q", got, w.Says, row.want, row.says)
			}
		})
	}
}

func TestWhatHasServedIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	var w rollout.WatchedService
	for _, name := range []string{"a", "b", "a", "c", "d", "e", "f", "f"} {
		w.Seen(rollout.FoundService{Split: rollout.Split{{Revision: name, Percent: 100}}, Ready: name})
	}
	if want := []string{"f", "e", "d", "c", "a"}; !slices.Equal(w.Served, want) {
		t.Errorf("got %v, want %v", w.Served, want)
	}
}
