package e2e_test

import (
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// TestAReleaseGoesThroughItsCanary: four phases, advanced by hand, under load.
func TestAReleaseGoesThroughItsCanary(t *testing.T) {
	t.Parallel()
	s := newScene(t, "canary", []int{25, 50, 75}, "").live()
	stop := s.load()
	v2 := s.release("v2")
	s.advance(v2, "canary-50", "canary-75", "stable")
	got := s.until(v2, drive.In(rollout.StateSucceeded))
	stop("v1", "v2")
	s.went(got,
		"created by ann", "granted", "baseline", "settled",
		"canary-25 started", "canary-25 shifted 25%", "canary-25 succeeded",
		"waits for advance: canary-25 is done; canary-50 gives the release 50%", "canary-50 advanced by ann",
		"canary-50 started", "canary-50 shifted 50%", "canary-50 succeeded",
		"waits for advance: canary-50 is done; canary-75 gives the release 75%", "canary-75 advanced by ann",
		"canary-75 started", "canary-75 shifted 75%", "canary-75 succeeded",
		"waits for advance: canary-75 is done; stable gives the release 100%", "stable advanced by ann",
		"stable started", "stable shifted 100%", "stable succeeded", "ended SUCCEEDED",
	)
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 75%, v1 25%", "v2 100%")
}

// TestStandard: one phase, which is the promotion.
func TestStandard(t *testing.T) {
	t.Parallel()
	s := stage(t, shared, world.Configuration{Pipeline: "standard"}).live()
	v2 := s.release("v2")
	got := s.until(v2, drive.In(rollout.StateSucceeded))
	s.went(got, "created by ann", "granted", "baseline", "settled",
		"stable started", "stable shifted 100%", "stable succeeded", "ended SUCCEEDED")
	s.serves("v1 100%", "v2 100%")
}

// TestListsKnowStateAndPhase: the typed search attributes reach visibility, which is
// eventually consistent.
func TestListsKnowStateAndPhase(t *testing.T) {
	t.Parallel()
	s := newScene(t, "listed", []int{25}, "").live()
	v2 := s.release("v2")
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	want := client.Summary{
		Pipeline: "listed", Release: "v2", Target: "listed-prod", Rollout: v2, State: rollout.StateSucceeded, Phase: "stable",
	}
	for {
		found, err := s.w.Client.Rollouts(s.ctx, client.Filter{Pipeline: "listed", Release: "v2", State: rollout.StateSucceeded})
		if err != nil {
			t.Fatal(err) // also when the test's patience ends
		}
		if len(found) == 0 {
			continue
		}
		got := found[0]
		got.Started, got.Ended = time.Time{}, time.Time{}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return
	}
}

// TestFirstRollout: what serves already, and the pipeline's apiVersion, decide which
// phases a first rollout has.
func TestFirstRollout(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, version string
		serves        bool // somebody else's v0 serves already
		phases        []string
		splits        []string
	}{
		{"serin-nothing", rollout.APIVersionSerin, false, nil, []string{"v1 100%"}},
		{"serin-something", rollout.APIVersionSerin, true, []string{"stable"}, []string{"v0 100%", "v0 75%, v1 25%", "v1 100%"}},
		{"google-nothing", rollout.APIVersionGoogle, false, []string{"stable"}, []string{"v1 100%"}},
		{"google-something", rollout.APIVersionGoogle, true, []string{"stable"}, []string{"v0 100%", "v1 100%"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := stage(t, shared, world.Configuration{
				Pipeline: row.name, APIVersion: row.version, Canary: world.Percentages([]int{25}, ""),
			})
			if row.serves {
				s.terraform("v0")
			}
			v1 := s.release("v1")
			s.advance(v1, row.phases...)
			s.until(v1, drive.In(rollout.StateSucceeded))
			s.serves(row.splits...)
		})
	}
}

// TestTags: revisions have their tags while phases of theirs last, and those of others
// stay.
func TestTags(t *testing.T) {
	t.Parallel()
	s := stage(t, shared, world.Configuration{Pipeline: "tags", Canary: `
runtimeConfig:
  cloudRun:
    automaticTrafficControl: true
    canaryRevisionTags: [next]
    priorRevisionTags: [prior]
    stableRevisionTags: [live]
canaryDeployment:
  percentages: [10]
`}).live()
	s.tagged("live=v1")
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	s.tagged("live=v1 next=v2 prior=v1")
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.tagged("live=v2")
	s.serves("v1 100%", "v1 90%, v2 10%", "v2 100%")
}

// TestCustomAutomatedCanary: each phase has its own manifest, by profile.
func TestCustomAutomatedCanary(t *testing.T) {
	t.Parallel()
	s := stage(t, shared, world.Configuration{Pipeline: "custom-automated", Canary: `
runtimeConfig:
  cloudRun:
    automaticTrafficControl: true
customCanaryDeployment:
  phaseConfigs:
    - {phaseId: tenth, percentage: 10, profiles: [small]}
    - {phaseId: half, percentage: 50, profiles: [small]}
    - {phaseId: stable, percentage: 100}
`})
	s.until(s.releaseOf("v1", profiles(s.pipeline(), "img/v1", "img/v1")), drive.In(rollout.StateSucceeded))
	v2 := s.releaseOf("v2", profiles(s.pipeline(), "img/v2-small", "img/v2"))
	s.advance(v2, "half", "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 90%, v2-small 10%", "v1 50%, v2-small 50%", "v2 100%")
}

// TestCustomCanary: the manifests say themselves who receives what.
func TestCustomCanary(t *testing.T) {
	t.Parallel()
	s := stage(t, shared, world.Configuration{Pipeline: "custom", Canary: `
customCanaryDeployment:
  phaseConfigs:
    - {phaseId: small, percentage: 20, profiles: [small]}
    - {phaseId: stable, percentage: 100}
`})
	s.until(s.releaseOf("v1", profiles(s.pipeline(), "img/v1", "img/v1")), drive.In(rollout.StateSucceeded))
	v1, err := s.w.Run.Service(s.service())
	if err != nil {
		t.Fatal(err)
	}
	files := profiles(s.pipeline(), "img/v2", "img/v2")
	files["small.yaml"] += "  traffic:\n    - {latestRevision: true, percent: 20}\n    - {revisionName: " + v1.Traffic[0].Revision + ", percent: 80}\n"
	v2 := s.releaseOf("v2", files)
	asked := s.until(v2, drive.AsksFor("stable"))
	if ph := asked.Phases[0]; ph.Observed != nil || !ph.Custom {
		t.Errorf("phase %+v: a custom canary's weight is configured, never observed", ph)
	}
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 80%, v2 20%", "v2 100%")
}
