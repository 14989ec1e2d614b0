package analysis_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// TestFourHours is one activity, so that a history of it is as long as that of a minute.
func TestFourHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("99.9"))
		res, err := s.attempt(s.request(spec(func(a *rollout.Analysis) { a.Duration = 4 * time.Hour }, first(func(c *rollout.Check) {
			c.Interval, c.MinSamples = 10*time.Second, 1440
		}))))
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(res.Outcome); got != "pass" || res.Resume != "" {
			t.Errorf("%s, to be resumed with %q", got, res.Resume)
		}
		if took := time.Since(s.begun); took != 4*time.Hour {
			t.Errorf("it took %s", took)
		}
		if size := len(res.Outcome.Samples) + len(res.Outcome.Reason); size > 1024 {
			t.Errorf("%d bytes of it go into the history", size)
		}
	})
}
