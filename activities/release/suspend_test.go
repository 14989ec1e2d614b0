package release_test

import (
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func TestSuspendChangesOneDocument(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ kind, name string }{
		{"DeliveryPipeline", "shop"}, {"Automation", "shop/auto"}, {"DeployPolicy", "freeze"},
	} {
		t.Run(row.kind, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, false)
			d.apply(t, configuration+auto+freeze)
			before := *d.index
			set := func(to bool) rollout.ApplyResult {
				res, err := d.SetSuspended(t.Context(), activities.SuspendRequest{
					Suspend: rollout.Suspend{Kind: row.kind, Name: row.name, Suspended: to, Actor: "ann"}, Index: *d.index,
				})
				if err != nil {
					t.Fatal(err)
				}
				d.index = &res.Index
				return res.Result
			}
			own := row.kind + "/" + row.name
			if got := set(false); names(got.Unchanged) != own || d.index.Version != before.Version {
				t.Errorf("it is not suspended: %+v, version %d", got, d.index.Version)
			}
			if got := set(true); names(got.Updated) != own || len(got.Created)+len(got.Unchanged) > 0 || d.index.Version != before.Version+1 {
				t.Errorf("suspended: %+v, version %d", got, d.index.Version)
			}
			if got := set(true); names(got.Unchanged) != own || d.index.Version != before.Version+1 {
				t.Errorf("again: %+v, version %d", got, d.index.Version)
			}
			set(false)
			for i, e := range d.index.Entries {
				if e != before.Entries[i] {
					t.Errorf("afterwards %+v, before %+v", e, before.Entries[i])
				}
			}
		})
	}
}

func TestASuspensionHoldsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration+auto)
	res, err := d.SetSuspended(t.Context(), activities.SuspendRequest{
		Suspend: rollout.Suspend{Kind: "Automation", Name: "shop/auto", Suspended: true, Actor: "ann", Reason: "incident 12"}, Index: *d.index,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.index = &res.Index
	got := d.ask(t, june(), activities.PermitRequest{Command: rollout.CommandAdvance, Automation: "shop/auto"})
	if got.Refused != "automation shop/auto is suspended by ann (incident 12): serin automation resume --automation shop/auto" {
		t.Errorf("%+v", got)
	}
}

// TestASuspendedPipelineUsesUpNoName: a release that is refused may be anything once it is resumed.
func TestASuspendedPipelineUsesUpNoName(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration)
	set := func(to bool) {
		t.Helper()
		res, err := d.SetSuspended(t.Context(), activities.SuspendRequest{
			Suspend: rollout.Suspend{Kind: "DeliveryPipeline", Name: "shop", Suspended: to, Actor: "ann", Reason: "incident 12"}, Index: *d.index,
		})
		if err != nil {
			t.Fatal(err)
		}
		d.index = &res.Index
	}
	request := rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest), Description: "before"}
	set(true)
	_, err := d.PlanRelease(t.Context(), request)
	const want = "plan release shop/v1: pipeline shop is suspended by ann (incident 12): serin pipeline resume --pipeline shop"
	if kind, text := activities.Cause(err); kind != rollout.Refused || text != want {
		t.Errorf("got %s %q, want %q", kind, text, want)
	}
	set(false)
	request.Description = "after"
	if _, err = d.PlanRelease(t.Context(), request); err != nil {
		t.Errorf("after it was resumed: %v", err)
	}
}

func TestSuspendRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration+auto)
	for _, row := range []struct {
		kind, name string
		want       rollout.Kind
		text       string
	}{
		{"DeliveryPipeline", "shpo", rollout.NotFound, `suspend DeliveryPipeline "shpo": it does not exist; known are shop`},
		{"DeployPolicy", "freeze", rollout.NotFound, `suspend DeployPolicy "freeze": it does not exist; known are none`},
		{"Target", "prod", rollout.Invalid, `suspend "prod": its kind is "Target", want one of DeliveryPipeline, Automation, DeployPolicy`},
		{"", "", rollout.Invalid, `suspend "": its kind is "", want one of DeliveryPipeline, Automation, DeployPolicy`},
	} {
		_, err := d.SetSuspended(t.Context(), activities.SuspendRequest{
			Suspend: rollout.Suspend{Kind: row.kind, Name: row.name, Suspended: true}, Index: *d.index,
		})
		if kind, text := activities.Cause(err); kind != row.want || text != row.text {
			t.Errorf("got %s %q, want %s %q", kind, text, row.want, row.text)
		}
	}
}
