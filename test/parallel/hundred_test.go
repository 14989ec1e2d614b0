package parallel_test

import (
	"fmt"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/proto"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

const (
	// maxEvents is what a controller of a hundred children may leave in its history.
	maxEvents = 2500
	// maxBytes is of one event.
	maxBytes = 64 << 10
)

// TestAHundredChildren: first where nothing serves, then where v1 does.
func TestAHundredChildren(t *testing.T) {
	d := start(t, "hundred", "everywhere")
	d.Apply(world.Many("hundred", "everywhere", d.World.Run.URL(), 100, []int{50}))
	v1 := d.Release("v1", map[string]string{"service.yaml": world.Manifest("hundred", "img/v1")})
	d.Until(v1, drive.In(rollout.StateSucceeded))
	small(d, v1)
	v2 := d.Release("v2", map[string]string{"service.yaml": world.Manifest("hundred", "img/v2")})
	d.Advance(v2, rollout.StablePhase)
	got := d.Until(v2, drive.In(rollout.StateSucceeded))
	small(d, v2)
	for _, c := range got.Children {
		if c.State != rollout.StateSucceeded || !c.Promoted {
			t.Errorf("%+v", c)
		}
	}
	for i := range 100 {
		splits, err := d.World.Splits(d.Ctx, world.ManyLocation(i)+"/hundred")
		if want := "v1 100%; v1 50%, v2 50%; v2 100%"; err != nil || strings.Join(splits, "; ") != want {
			t.Errorf("child %d served %q, want %q (%v)", i, strings.Join(splits, "; "), want, err)
		}
	}
}

// small wants the controller's history to be short, and no event in it large.
func small(d *drive.Driver, name string) {
	d.T.Helper()
	id := rollout.RolloutID(d.Pipeline, name)
	if err := d.World.Temporal.GetWorkflow(d.Ctx, id, "").Get(d.Ctx, nil); err != nil {
		d.T.Fatal(err)
	}
	events, err := d.World.History(d.Ctx, id)
	if err != nil {
		d.T.Fatal(err)
	}
	kinds, bytes, largest := map[enumspb.EventType]int{}, 0, 0
	for _, e := range events {
		size := proto.Size(e)
		kinds[e.GetEventType()]++
		bytes += size
		largest = max(largest, size)
		if size > maxBytes {
			d.T.Errorf("event %d, %s, has %d bytes", e.GetEventId(), e.GetEventType(), size)
		}
	}
	d.T.Logf("%s: %d events, %d bytes, the largest %d", name, len(events), bytes, largest)
	if len(events) >= maxEvents {
		d.T.Errorf("%s has %d events, want under %d:%s", name, len(events), maxEvents, list(kinds))
	}
}

func list(kinds map[enumspb.EventType]int) string {
	text := ""
	for k, n := range kinds {
		text += fmt.Sprintf("\n  %5d %s", n, k)
	}
	return text
}
