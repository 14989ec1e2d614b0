package activities_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// In a cluster an attempt takes the place, and so the share, of the one before; on Cloud
// Run it is a revision beside it, whose share somebody must have given it.
func TestAnAttemptIsDriftOnlyWhereItIsARevisionOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name       string
		kubernetes *rollout.Kubernetes
		drift      bool
	}{
		{"Cloud Run", nil, true},
		{"Kubernetes", &rollout.Kubernetes{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env, platform, s := steps(t)
			share := func(revision string) rollout.Split {
				return rollout.Split{{Revision: "shop-v1", Percent: 75}, {Revision: revision, Percent: 25}}
			}
			platform.Drift(service, fake.Identity, share("shop-693ae81c85-2"))
			w := work(50)
			w.Release, w.Kubernetes = "693ae81c85", row.kubernetes
			value, err := env.ExecuteActivity(s.Observe, activities.StepRequest{Work: w, Last: rollout.Mark{Split: share("shop-693ae81c85")}})
			if err != nil {
				t.Fatal(err)
			}
			var res activities.StepResult
			if err := value.Get(&res); err != nil {
				t.Fatal(err)
			}
			if (res.Drift != "") != row.drift {
				t.Errorf("drift is %q, want some: %t", res.Drift, row.drift)
			}
		})
	}
}

// The requests matter more than the size: a restore goes on although pods cannot be put back.
func TestARestoreOfTrafficSurvivesThatOfSize(t *testing.T) {
	t.Parallel()
	env, platform, s := steps(t)
	if _, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{Work: work(25)}); err != nil {
		t.Fatal(err)
	}
	platform.Fault("ScaleStable", &rollout.Error{Op: "artifact: get", Kind: rollout.NotFound, Err: errors.New("no baseline")}, 1)
	value, err := env.ExecuteActivity(s.Restore, activities.StepRequest{Work: work(0)})
	if err != nil {
		t.Fatal(err)
	}
	var res activities.StepResult
	if err := value.Get(&res); err != nil {
		t.Fatal(err)
	}
	if got := res.Observed.Split.String(); got != "shop-v1 100%" || !strings.Contains(res.Note, "its size could not be put back: ") {
		t.Errorf("it serves %s, note %q", got, res.Note)
	}
}

// A promotion that has to wait leaves its canary to Remove: the removal that fails here is
// met by whoever removes.
func TestAPromotionCanKeepItsCanary(t *testing.T) {
	t.Parallel()
	promotion := work(100)
	promotion.Promotion = true
	stuck := &rollout.Error{Op: "fake: remove", Kind: rollout.Denied, Err: errors.New("no permission")}
	for _, keep := range []bool{false, true} {
		env, platform, s := steps(t)
		platform.Fault("Remove", stuck, 1)
		_, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{Work: promotion, Keep: keep})
		if removed := err != nil; removed == keep {
			t.Errorf("keep %t: %v", keep, err)
		}
		if !keep {
			continue
		}
		if _, err := env.ExecuteActivity(s.Remove, activities.StepRequest{Work: promotion}); err == nil {
			t.Error("Remove does not remove")
		}
		writes := platform.Writes()
		for _, step := range []any{s.Remove, s.Leave} {
			if _, err := env.ExecuteActivity(step, activities.StepRequest{Work: promotion}); err != nil {
				t.Error(err)
			}
		}
		if platform.Writes() != writes {
			t.Errorf("what was done is written again: %q", platform.Path(service))
		}
	}
}

// A promotion in a cluster gives the place of what is stable to the release, and so its share:
// a rollback of a promotion that stopped half way finds what it has begun itself.
func TestAPromotionTakesThePlaceOfWhatWasStable(t *testing.T) {
	t.Parallel()
	split := func(v2, v1, other rollout.Weight) rollout.Split {
		return rollout.Split{{Revision: "shop-v2", Percent: v2}, {Revision: "shop-v1", Percent: v1}, {Revision: "shop-v0", Percent: other}}.Serving()
	}
	cluster := &rollout.Kubernetes{}
	for _, row := range []struct {
		name       string
		kubernetes *rollout.Kubernetes
		promotion  bool
		last, seen rollout.Split
		want       string
	}{
		{"its place, half of the way", cluster, true, split(100, 0, 0), split(75, 25, 0), ""},
		{"somebody else gives the other more", cluster, true, split(50, 50, 0), split(75, 25, 0), "eve changed the split to shop-v2 75%, shop-v1 25%; it was shop-v1 50%, shop-v2 50%"},
		{"somebody else brings another", cluster, true, split(100, 0, 0), split(75, 0, 25), "eve changed the split to shop-v2 75%, shop-v0 25%; it was shop-v2 100%"},
		{"no promotion", cluster, false, split(100, 0, 0), split(75, 25, 0), "eve changed the split to shop-v2 75%, shop-v1 25%; it was shop-v2 100%"},
		{"Cloud Run has no places", nil, true, split(100, 0, 0), split(75, 25, 0), "eve changed the split to shop-v2 75%, shop-v1 25%; it was shop-v2 100%"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env, platform, s := steps(t)
			platform.Drift(service, "eve", row.seen)
			w := work(100)
			w.Release, w.Stable, w.Promotion, w.Kubernetes = "v1", "shop-v1", row.promotion, row.kubernetes
			value, err := env.ExecuteActivity(s.Observe, activities.StepRequest{Work: w, Last: rollout.Mark{Split: row.last}})
			if err != nil {
				t.Fatal(err)
			}
			var res activities.StepResult
			if err := value.Get(&res); err != nil {
				t.Fatal(err)
			}
			if res.Drift != row.want {
				t.Errorf("got  %q\nwant %q", res.Drift, row.want)
			}
		})
	}
}
