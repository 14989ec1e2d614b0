package activities_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/activities"
)

// TestRestoreDoesNotWaitForEver: requests to a canary that failed are worse than a
// cold start, so after a minute traffic moves although stable is not ready.
func TestRestoreDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env, platform, s := steps(t)
		cold := work(0)
		cold.Release = "cold"
		platform.Hold("cold")
		if err := platform.Deploy(t.Context(), cold); err != nil {
			t.Fatal(err)
		}
		w := work(0)
		w.Stable = "shop-cold"
		began := time.Now()
		time.AfterFunc(2*time.Minute, func() { platform.MakeReady("cold") })
		value, err := env.ExecuteActivity(s.Restore, activities.StepRequest{Work: w})
		if err != nil {
			t.Fatal(err)
		}
		var res activities.StepResult
		if err := value.Get(&res); err != nil {
			t.Fatal(err)
		}
		if want := "shifted although shop-cold was not ready after 1m0s"; res.Note != want {
			t.Errorf("note %q, want %q", res.Note, want)
		}
		if took := time.Since(began); took < time.Minute || !strings.Contains(res.Observed.Split.String(), "shop-cold 100%") {
			t.Errorf("after %s it serves %s", took, res.Observed.Split)
		}
	})
}
