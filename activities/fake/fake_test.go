package fake_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/providertest"
	"github.com/serin-dev/serin/rollout"
)

func work(release string) activities.Work {
	return activities.Work{
		Rollout: release + "-to-prod-0001", Pipeline: "shop", Release: release, Digest: "sha256:" + release,
		Target: rollout.Target{Name: "prod", Runtime: rollout.RuntimeCloudRun},
		CloudRun: &rollout.CloudRun{
			Service: "shop", CanaryTags: []string{"canary"}, PriorTags: []string{"prior"}, StableTags: []string{"live"},
		},
	}
}

func TestLaws(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(*testing.T) providertest.Harness {
		p := fake.New()
		refused := 0 // writes that never reached p
		return providertest.Harness{
			Platform: p, Work: work, Hold: p.Hold, MakeReady: p.MakeReady, Fail: p.Fail,
			Meddle: func(by, revision string) {
				p.Drift("prod/shop", by, rollout.Split{{Revision: revision, Percent: 100}})
			},
			Break: func(_ int, when providertest.When) func() { // a command writes once at most
				for _, method := range []string{"Deploy", "Promote", "SetWeight", "Restore", "Remove"} {
					if when == providertest.After {
						p.Lose(method)
						continue
					}
					p.Fault(method, &rollout.Error{Op: method, Kind: rollout.Transient, Err: errors.New("broken pipe")}, 1)
				}
				return func() {
					if when == providertest.Before {
						refused++
					}
					p.Mend()
				}
			},
			Writes: func() int { return p.Writes() + refused },
		}
	})
}

func TestPathAndSplits(t *testing.T) {
	t.Parallel()
	p, w := fake.New(), work("v2")
	p.Serve("prod/shop", "shop-v1")
	w.Stable, w.Weight = "shop-v1", 25
	must(t, p.Deploy(t.Context(), w))
	must(t, p.SetWeight(t.Context(), w))
	must(t, p.Restore(t.Context(), w))
	want := []string{"deploy shop-v2", "set weight shop-v1 75%, shop-v2 25%", "restore shop-v1 100%"}
	if got := p.Path("prod/shop"); !reflect.DeepEqual(got, want) {
		t.Errorf("path is %q, want %q", got, want)
	}
	var splits []string
	for _, s := range p.Splits("prod/shop") {
		splits = append(splits, s.String())
	}
	if want := []string{"shop-v1 100%", "shop-v1 75%, shop-v2 25%", "shop-v1 100%"}; !reflect.DeepEqual(splits, want) {
		t.Errorf("splits are %q, want %q", splits, want)
	}
}

func TestFaultsRunOut(t *testing.T) {
	t.Parallel()
	p, denied := fake.New(), &rollout.Error{Op: "fake: promote", Kind: rollout.Denied}
	p.Fault("Promote", denied, 2)
	for i, want := range []rollout.Kind{rollout.Denied, rollout.Denied, ""} {
		if got := rollout.KindOf(p.Promote(t.Context(), work("v1"))); got != want {
			t.Errorf("call %d: kind %q, want %q", i+1, got, want)
		}
	}
}

func TestFailWhileHeld(t *testing.T) {
	t.Parallel()
	p, w := fake.New(), work("v1")
	p.Hold("v1")
	must(t, p.Deploy(t.Context(), w))
	before := observe(t, p, w)
	if before.Settled || before.Ready {
		t.Errorf("held, it is observed as %+v", before)
	}
	p.Fail("v1", "out of memory")
	must(t, p.Changed(t.Context(), w, before))
	if o := observe(t, p, w); o.Failure != "out of memory" || !o.Settled || len(o.Split) > 0 {
		t.Errorf("failed, it is observed as %+v", o)
	}
}

func TestEndedContextDoesNothing(t *testing.T) {
	t.Parallel()
	p := fake.New()
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := p.Deploy(ctx, work("v1")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if n := p.Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func observe(t *testing.T, p *fake.Platform, w activities.Work) rollout.Observed {
	t.Helper()
	o, err := p.Observe(t.Context(), w)
	must(t, err)
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
