package watch_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

func TestARevisionWithoutTrafficIsTakenThroughThePhases(t *testing.T) {
	t.Parallel()
	s := newScene(t, "gradual", 2)
	v1 := s.serves("gradual")
	s.users("gradual")
	s.looks()
	writes := s.writes()
	if found := s.passes(2).Services; len(found) != 1 || found[0].Release != "" || found[0].Says != v1+" serves" {
		t.Errorf("with nothing to do it says %+v", found)
	}
	if n := s.writes() - writes; n != 0 {
		t.Errorf("with nothing to do it wrote %d times", n)
	}
	v2 := s.noTraffic("gradual", "img/v2")
	s.ends("gradual", v2, drive.In(rollout.StateSucceeded))
	if got, want := s.splits("gradual", v2), []int64{0, 5, 20, 50, 80, 100}; !slices.Equal(got, want) {
		t.Errorf("shares were %v, want %v", got, want)
	}
	s.has("gradual", map[string]int64{v2: 100})

	s.gives("gradual", v1) // a person goes back
	writes = s.writes()
	found := s.passes(3).Services[0]
	if n := s.writes() - writes; n != 0 || !strings.Contains(found.Says, v2+" has no traffic") {
		t.Errorf("after a person's rollback it wrote %d times, and says %q", n, found.Says)
	}
	s.has("gradual", map[string]int64{v1: 100})
	s.releases("gradual", v2)

	v3 := s.noTraffic("gradual", "img/v3") // a new one is something else, but somebody has moved the traffic
	next := s.ends("gradual", v3, drive.WaitsFor(rollout.WaitPerson))
	if !strings.Contains(next.Waiting.Reason, ada+" changed the split to "+v1+" 100%") {
		t.Errorf("it waits because of %q", next.Waiting.Reason)
	}
	p := s.derived("gradual")
	if _, err := shared.Client.Resume(s.ctx, p, next.Rollout, rollout.Command{Accept: true, Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	s.ends("gradual", v3, drive.In(rollout.StateSucceeded))
	s.has("gradual", map[string]int64{v3: 100})
	s.releases("gradual", v2, v3)
	s.short(20)
}

func TestAFailingRevisionIsTakenBackAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, "failing", 2)
	v1 := s.serves("failing")
	s.users("failing")
	s.looks()
	bad := s.noTraffic("failing", "img/bad")
	s.ends("failing", bad, drive.In(rollout.StateFailed))
	s.has("failing", map[string]int64{v1: 100})
	s.passes(3)
	if got, want := s.splits("failing", bad), []int64{0, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("shares were %v, want %v", got, want)
	}
	s.releases("failing", bad)
}

func TestTooFewRequestsWaitForAPerson(t *testing.T) {
	t.Parallel()
	s := newScene(t, "quiet", 1000)
	v1 := s.serves("quiet")
	s.users("quiet")
	s.looks()
	v2 := s.noTraffic("quiet", "img/v2")
	s.ends("quiet", v2, drive.WaitsFor(rollout.WaitPerson))
	s.passes(2)
	s.has("quiet", map[string]int64{v1: 95, v2: 5})
}

func TestOneBrokenServiceKeepsNoOtherFromGoingOn(t *testing.T) {
	t.Parallel()
	s := newScene(t, "regions", 2)
	s.watch.Regions = append(s.watch.Regions, "us-east1")
	s.serves("regions")
	s.serves("us-east1/regions")
	s.stamp("us-east1/regions", "billing")
	s.users("regions")
	s.looks()
	broken := s.noTraffic("us-east1/regions", "img/v2")
	v2 := s.noTraffic("regions", "img/v2")
	s.ends("regions", v2, drive.In(rollout.StateSucceeded))
	found := s.passes(1)
	other := found.Service("projects/"+world.Project+"/locations/us-east1", "regions")
	if other == nil || !strings.Contains(other.Error, "belongs to pipeline billing") || other.Failed.IsZero() || other.Release != "" {
		t.Errorf("of %s it says %+v", broken, other)
	}
	if this := found.Service(world.Parent, "regions"); this == nil || this.Error != "" {
		t.Errorf("of the other it says %+v", this)
	}
}

func TestANewerRevisionQueuesBehindTheOneBefore(t *testing.T) {
	t.Parallel()
	s := newScene(t, "newer", 1000)
	v1 := s.serves("newer")
	s.users("newer")
	s.looks()
	v2 := s.noTraffic("newer", "img/v2")
	first := s.ends("newer", v2, drive.WaitsFor(rollout.WaitPerson))
	v3 := s.noTraffic("newer", "img/v3")
	s.ends("newer", v3, func(r client.Rollout) bool { return r.State == rollout.StatePending })
	s.has("newer", map[string]int64{v1: 95, v2: 5}) // who has the lane goes on
	p := s.derived("newer")
	if _, err := shared.Client.Cancel(s.ctx, p, first.Rollout, rollout.Command{Restore: true, Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	s.ends("newer", v3, drive.WaitsFor(rollout.WaitPerson))
	s.has("newer", map[string]int64{v1: 95, v3: 5})
}

func TestWhatSomebodyTookBackBeforeItWasAReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t, "taken-back", 2)
	v1 := s.serves("taken-back")
	s.looks()
	v2 := s.deploys("taken-back", "img/v2")
	s.pass(func(w rollout.WatchStatus) bool { return len(w.Services) == 1 && w.Services[0].Says == v2+" serves" })
	s.gives("taken-back", v1)
	found := s.passes(2).Services[0]
	if !strings.Contains(found.Says, "somebody took it away") {
		t.Errorf("it says %q", found.Says)
	}
	s.releases("taken-back")
	s.has("taken-back", map[string]int64{v1: 100})
}
