package model

import (
	"testing"
	"time"
)

// TestFound are sequences that once went wrong, as rapid has shrunk them. A crash makes an answer late where the
// order within one instant decided.
func TestFound(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		site Site
		ops  []Op
	}{
		{
			// The lane looks whether its holder still runs in the same second in which it ends: what the
			// holder has said last counts, not that it is gone.
			name: "a holder that ends while the lane looks after it was not terminated",
			site: Site{Soak: time.Hour},
			ops: []Op{
				{Do: "release", On: "v1"},
				{After: quiet, Do: "release", On: "v2"},
				{After: time.Minute, Do: "release", On: "v3"},
				{After: 58*time.Minute + 30*time.Second, Do: "crash", On: "Holder"},
				{After: time.Minute, Do: "nothing"},
			},
		},
		{
			// Who is told to cancel does not get the lane any more, however soon the rollback is done.
			name: "what a rollback cancels never starts",
			ops: []Op{
				{Do: "release", On: "v1"},
				{After: quiet, Do: "release", On: "v2"},
				{After: quiet, Do: "release", On: "v3"},
				{After: quiet, Do: "crash", On: "Permit cancel v3"},
				{After: quiet, Do: "rollback", On: dev, Actor: "ann", Stop: true},
			},
		},
		{
			name: "a policy that is overridden for a rollback keeps nobody in the queue",
			ops: []Op{
				{Do: "release", On: "v1"},
				{After: quiet, Do: "release", On: "v2"},
				{After: quiet, Do: "release", On: "v3"},
				{After: quiet, Do: "close", For: 7 * time.Hour},
				{After: quiet, Do: "rollback", On: dev, Actor: "ann", Stop: true, Override: true},
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if what := play(t, row.site, row.ops); what != "" {
				t.Fatal(what)
			}
		})
	}
}
