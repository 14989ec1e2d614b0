package cloudrun_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// TestNobodyServesWhatNobodyGave runs random rollouts over a platform that breaks,
// each command repeated until it succeeds. The history of the split, read from the
// platform, has only shares that were asked for, in the order they were asked for.
func TestNobodyServesWhatNobodyGave(t *testing.T) {
	t.Parallel()
	broken := []cloudruntest.FaultKind{
		cloudruntest.ResetBeforeApply, cloudruntest.ResetAfterApply, cloudruntest.ApplyThenUnavailable,
		cloudruntest.Unavailable, cloudruntest.TooManyRequests, cloudruntest.DeadlineExceeded,
	}
	rapid.Check(t, func(r *rapid.T) {
		e := newEnv(t, cloudruntest.Options{BareLatest: rapid.Bool().Draw(r, "bareLatest")})
		first := e.serve()
		if rapid.Bool().Draw(r, "followsLatest") {
			e.followLatest()
		}
		w := e.canary("v2", first, 0)
		second := e.observe(w).Revision
		do := func(name string, run func(context.Context, activities.Work) error, w activities.Work) {
			if n := rapid.IntRange(0, 2).Draw(r, "faults"); n > 0 {
				kind := rapid.SampledFrom(broken).Draw(r, "fault")
				remove := e.inject(cloudruntest.Fault{Kind: kind, Method: http.MethodPatch, Times: n})
				defer remove()
			}
			for range 5 {
				err := run(t.Context(), w)
				if err == nil {
					return
				}
				if rollout.KindOf(err) != rollout.Transient {
					r.Fatalf("%s: %v", name, err)
				}
			}
			r.Fatalf("%s did not converge", name)
		}
		do("deploy", e.Deploy, w)
		asked := []rollout.Weight{0}
		for range rapid.IntRange(1, 6).Draw(r, "steps") {
			weight := rollout.Weight(rapid.IntRange(0, 100).Draw(r, "weight"))
			if rapid.IntRange(0, 4).Draw(r, "restore") == 0 {
				do("restore", e.Restore, w)
				asked = append(asked, 0)
			}
			do("deploy again", e.Deploy, at(w, "canary", weight))
			do("set weight", e.SetWeight, at(w, "canary", weight))
			asked = append(asked, weight)
		}
		for _, s := range e.region.Splits(service) {
			if s.Shares[first]+s.Shares[second] != 100 {
				r.Fatalf("a split is %v, want only %s and %s", s.Shares, first, second)
			}
			for len(asked) > 0 && asked[0] != rollout.Weight(s.Shares[second]) {
				asked = asked[1:]
			}
			if len(asked) == 0 {
				r.Fatalf("split %v was never asked for; splits are\n%s", s.Shares, strings.Join(e.shares(), "\n"))
			}
		}
		if o := e.observe(w); len(asked) != 1 && o.Split.Of(second) != asked[len(asked)-1] {
			r.Fatalf("split is %s, want %d%% last", o.Split, asked[len(asked)-1])
		}
	})
}
