package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

const denied = cloudruntest.PermissionDenied

// fault is a disturbance of this scene's service only.
type fault struct {
	kind  cloudruntest.FaultKind
	reads bool // of reads, not of writes
	times int
}

func (s *scene) inject(f fault) (remove func()) {
	s.t.Helper()
	method := "PATCH"
	if f.reads {
		method = "GET"
	}
	injected := cloudruntest.Fault{Kind: f.kind, Method: method, Path: "/v2/" + s.service(), Times: f.times, RetryAfter: time.Second}
	if f.kind == cloudruntest.Latency {
		injected.Latency = 300 * time.Millisecond
	}
	remove, err := s.w.Run.Inject(injected)
	if err != nil {
		s.t.Fatal(err)
	}
	return remove
}

// TestEveryFault: whatever the platform does to the writes in the middle of a rollout,
// it goes on, or fails with the platform's reason and traffic back; and no revision
// ever has a share that nobody gave it.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	type row struct {
		fault
		fails string // the platform's reason; "": the rollout goes on
		held  bool   // it goes on only when the fault is removed
	}
	rows := map[cloudruntest.FaultKind]row{
		cloudruntest.TooManyRequests:      {fault: fault{times: 2}},
		cloudruntest.Unavailable:          {fault: fault{times: 2}},
		cloudruntest.PermissionDenied:     {fault: fault{times: 1}, fails: "403 PERMISSION_DENIED"},
		cloudruntest.DeadlineExceeded:     {fault: fault{times: 2}},
		cloudruntest.ResetBeforeApply:     {fault: fault{times: 2}},
		cloudruntest.ResetAfterApply:      {fault: fault{times: 2}},
		cloudruntest.ApplyThenUnavailable: {fault: fault{times: 2}},
		cloudruntest.Latency:              {},
		cloudruntest.Stuck:                {fault: fault{times: 1}, held: true},
		cloudruntest.OperationFails:       {fault: fault{times: 2}},
		cloudruntest.StaleReads:           {fault: fault{times: 3, reads: true}},
		cloudruntest.StrictEtag:           {},
	}
	for _, kind := range cloudruntest.FaultKinds() {
		r, ok := rows[kind]
		if !ok {
			t.Errorf("fault %s has no row", kind)
			continue
		}
		r.kind = kind
		for _, at := range []string{"canary-25", "canary-50", "stable"} {
			t.Run(string(kind)+"/"+at, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, "fault-"+strings.ToLower(string(kind))+"-"+at, []int{25, 50}, "").live()
				v2 := s.faulted(at, r.fault, r.held)
				switch {
				case r.fails == "":
					s.finish(v2, at)
					s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
				case at == "stable": // promotion has begun: nothing moves back
					contains(t, s.until(v2, drive.In(rollout.StateFailed)).Failure, r.fails, s.service())
					s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%")
				default:
					contains(t, s.until(v2, drive.In(rollout.StateFailed)).Failure, r.fails, s.service())
					s.serves(map[string][]string{
						"canary-25": {"v1 100%"}, "canary-50": {"v1 100%", "v1 75%, v2 25%", "v1 100%"},
					}[at]...)
				}
			})
		}
	}
}

// faulted makes v2 and disturbs it from the given phase on.
func (s *scene) faulted(phase string, f fault, held bool) (name string) {
	s.t.Helper()
	var remove func()
	if phase == "canary-25" {
		if f.times > 0 && f.kind != denied {
			f.times++ // preflight asks first whether a write would be accepted
		}
		remove = s.inject(f)
	}
	v2 := s.release("v2")
	if phase != "canary-25" {
		if phase == "stable" {
			s.advance(v2, "canary-50")
		}
		s.until(v2, drive.AsksFor(phase))
		remove = s.inject(f)
		s.advance(v2, phase)
	}
	if held {
		got := s.until(v2, func(r client.Rollout) bool {
			return len(r.Progress) > 0 && strings.Contains(r.Progress[0].Detail, "waiting for")
		})
		s.t.Logf("while it is held it says %q", got.Progress[0].Detail)
		remove()
	}
	return v2
}

// finish advances what is left after the phase.
func (s *scene) finish(name, after string) {
	s.t.Helper()
	switch after {
	case "canary-25":
		s.advance(name, "canary-50", "stable")
	case "canary-50":
		s.advance(name, "stable")
	}
	s.until(name, drive.In(rollout.StateSucceeded))
}

// TestFaultsOfReads: a read that fails in the middle of a rollout is tried again.
func TestFaultsOfReads(t *testing.T) {
	t.Parallel()
	for _, kind := range []cloudruntest.FaultKind{
		cloudruntest.TooManyRequests, cloudruntest.Unavailable, cloudruntest.DeadlineExceeded,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "read-"+strings.ToLower(string(kind)), []int{25, 50}, "").live()
			s.finish(s.faulted("canary-50", fault{kind: kind, reads: true, times: 3}, false), "canary-50")
			s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
		})
	}
}

// TestFaultsOfTheFirstWrite: a first rollout creates the service once, whatever becomes of
// the answer.
func TestFaultsOfTheFirstWrite(t *testing.T) {
	t.Parallel()
	w := start(t)
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, kind := range []cloudruntest.FaultKind{
		cloudruntest.Unavailable, cloudruntest.ResetBeforeApply, cloudruntest.ResetAfterApply, cloudruntest.ApplyThenUnavailable,
	} {
		// One after the other: the path of a create names no service.
		t.Run(string(kind), func(t *testing.T) {
			s := stage(t, w, world.Configuration{
				Pipeline: "first-" + strings.ToLower(string(kind)), Canary: world.Percentages([]int{25}, ""),
			})
			remove, err := w.Run.Inject(cloudruntest.Fault{Kind: kind, Method: "POST", Path: "/v2/" + world.Parent + "/services", Times: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer remove()
			s.until(s.release("v1"), drive.In(rollout.StateSucceeded))
			s.serves("v1 100%")
		})
	}
}
