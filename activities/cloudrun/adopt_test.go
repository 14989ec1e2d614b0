package cloudrun_test

import (
	"slices"
	"strings"
	"testing"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// noTraffic is somebody's deployment of an image without traffic, and returns its revision.
func (e *env) noTraffic(image string) string {
	e.Helper()
	before := e.live()
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) {
		svc.Template.Revision = ""
		svc.Template.Annotations = nil
		svc.Template.Containers[0].Image = image
		svc.Traffic = []*run.GoogleCloudRunV2TrafficTarget{{Type: namedType, Revision: serves(before), Percent: 100}}
	})
	made := e.live().LatestReadyRevision
	return made[strings.LastIndex(made, "/")+1:]
}

// serves is the revision that has most of the traffic.
func serves(svc *run.GoogleCloudRunV2Service) string {
	return slices.MaxFunc(svc.TrafficStatuses, func(a, b *run.GoogleCloudRunV2TrafficTargetStatus) int { return int(a.Percent - b.Percent) }).Revision
}

// adopt is a step of a release whose revision somebody else has made.
func (e *env) adopt(revision, stable, phase string, weight rollout.Weight) activities.Work {
	e.Helper()
	yaml := strings.Replace(manifest("adopted"), "  template:\n", "  template:\n    metadata:\n      annotations:\n        serin.dev/adopt-revision: "+revision+"\n", 1)
	w := at(e.workFor(revision, yaml), phase, weight)
	w.Stable = stable
	return w
}

func TestAnAdoptedRevisionOnlyGetsTraffic(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	stable := e.serve()
	revision := e.noTraffic("example/shop:v2")
	template := e.live().Template.Containers[0].Image
	problems, err := e.Check(t.Context(), e.adopt(revision, stable, "canary-5", 5))
	must(t, err)
	if len(problems) > 0 {
		t.Errorf("problems %v", problems)
	}
	before := len(e.masks())
	for _, weight := range []rollout.Weight{5, 20, 50, 80} {
		w := e.adopt(revision, stable, "canary-5", weight)
		must(t, e.Deploy(t.Context(), w))
		must(t, e.SetWeight(t.Context(), w))
		e.wantShares(w, revision, weight, stable)
		writes := e.writes()
		must(t, e.Deploy(t.Context(), w)) // the same again
		must(t, e.SetWeight(t.Context(), w))
		if again := e.writes() - writes; again != 0 {
			t.Errorf("at %d%%: a repeated step wrote %d times", weight, again)
		}
	}
	w := e.adopt(revision, stable, rollout.StablePhase, 100)
	must(t, e.Promote(t.Context(), w))
	must(t, e.SetWeight(t.Context(), w))
	must(t, e.Remove(t.Context(), w))
	e.wantShares(w, revision, 100, stable)
	for _, mask := range e.masks()[before:] {
		if strings.Contains(mask, "template") {
			t.Errorf("the template was written: %v", e.masks()[before:])
		}
	}
	if now := e.live().Template.Containers[0].Image; now != template {
		t.Errorf("the template has %s, before %s", now, template)
	}
	back := e.adopt(revision, stable, "canary-5", 5)
	must(t, e.Restore(t.Context(), back))
	e.wantShares(back, revision, 0, stable)
}

// wantShares wants the release to have weight, and stable the rest.
func (e *env) wantShares(w activities.Work, revision string, weight rollout.Weight, stable string) {
	e.Helper()
	o := e.observe(w)
	if o.Revision != revision || o.Split.Of(revision) != weight || o.Split.Of(stable) != 100-weight || !o.Ready || o.Failure != "" {
		e.Errorf("observed %+v, want %s with %d%%", o, revision, weight)
	}
}

func TestAnAdoptedRevisionThatIsGoneHasFailed(t *testing.T) {
	t.Parallel()
	const want = "revision shop-gone does not exist: somebody has removed it"
	e := newEnv(t, cloudruntest.Options{})
	stable := e.serve()
	w := e.adopt("shop-gone", stable, "canary-5", 5)
	for name, do := range map[string]error{"deploy": e.Deploy(t.Context(), w), "set weight": e.SetWeight(t.Context(), w)} {
		wantKind(t, do, rollout.Failed)
		if do == nil || !strings.Contains(do.Error(), want) {
			t.Errorf("%s: %v", name, do)
		}
	}
	if o := e.observe(w); o.Failure != want || o.Split.Of(stable) != 100 {
		t.Errorf("observed %+v", o)
	}
	problems, err := e.Check(t.Context(), w)
	must(t, err)
	if len(problems) != 1 || !strings.Contains(problems[0].Text, want) {
		t.Errorf("problems %v", problems)
	}
	must(t, e.Restore(t.Context(), w)) // whatever is gone, stable keeps what it has
}

func TestNothingIsMadeForAnAdoptedRevision(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	w := e.adopt("shop-v2", "", rollout.StablePhase, 100)
	wantKind(t, e.Promote(t.Context(), w), rollout.NotFound)
	problems, err := e.Check(t.Context(), w)
	must(t, err)
	if len(problems) != 1 || !strings.Contains(problems[0].Text, "the service does not exist") {
		t.Errorf("problems %v", problems)
	}
	if n := e.writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestARevisionOfAnotherServiceIsNotAdopted(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	_, err := e.Observe(t.Context(), e.adopt("cart-v2", "", "canary-5", 5))
	wantKind(t, err, rollout.Invalid)
}
