package analysis_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// TestStore takes the artifact store away: requests go back all the same.
func TestStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("12"))
		r := s.request(spec())
		s.full = true
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(res.Outcome); got != "fail: success: 12 is below 99; its samples are not stored: the bucket is gone" {
			t.Error(got)
		}
	})
}

// TestFailIsQuick: nothing that is put aside holds up a failing verdict for long.
func TestFailIsQuick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, sinceThree("99.9", "12"))
		p := s.runner(func(string) time.Duration { return time.Hour })
		p.stopping = 5 * time.Second
		r := s.request(spec(func(a *rollout.Analysis) {
			a.Custom = []rollout.TaskCheck{{ID: "smoke", Every: 5 * time.Minute, Task: rollout.Task{Image: "smoke"}}}
		}))
		s.hangs = true
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(s.begun); took > 3*time.Minute+300*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if got := verdict(res.Outcome); got != "fail: success: 12 is below 99; its samples are not stored: the artifact store does not answer in time" {
			t.Error(got)
		}
		<-time.After(10 * time.Second)
		if got := p.path(); got != "run smoke-1, stop smoke-1" {
			t.Errorf("containers: %s", got)
		}
	})
}

// TestSpillingHoldsNothingUp moves samples to a store that does not answer.
func TestSpillingHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("99.9"))
		r := s.request(spec(func(a *rollout.Analysis) { a.Duration = 30 * time.Minute }, first(func(c *rollout.Check) { c.Interval = time.Second })))
		s.hangs = true
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if n := res.Outcome.Checks[0].Samples; n != 1800 {
			t.Errorf("%d samples, want 1800", n)
		}
	})
}
