package client

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

func TestObserve(t *testing.T) {
	t.Parallel()
	plan := rollout.Plan{Pipeline: "shop", Target: rollout.Target{Name: "prod"}}
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.result = rollout.Observed{Exists: true, Revision: "shop-1"}
		began := time.Now()
		got, err := s.client(nil).Observe(t.Context(), plan)
		if err != nil || got.Revision != "shop-1" {
			t.Errorf("got %+v, %v", got, err)
		}
		if took := time.Since(began); took != resultPoll {
			t.Errorf("an end that was not notified took %s, want %s", took, resultPoll)
		}
		o := s.starts[0]
		if !strings.HasPrefix(o.ID, "observe/shop/prod/") || o.TaskQueue != "serin" || o.WorkflowExecutionTimeout != workLimit {
			t.Errorf("started %+v", o)
		}
		s.result = temporal.NewApplicationError("cloudRun: get shop: denied", "Denied")
		_, err = s.client(nil).Observe(t.Context(), plan)
		wantError(t, err, rollout.Denied, "observe prod: cloudRun: get shop: denied")
	})
}
