package activities_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

const service = "prod/shop"

func work(weight rollout.Weight) activities.Work {
	return activities.Work{
		Rollout: "v2-to-prod-0001", Pipeline: "shop", Release: "v2", Digest: "sha256:v2",
		Target: rollout.Target{Name: "prod", Runtime: rollout.RuntimeCloudRun}, Phase: "canary", Weight: weight,
		Stable: "shop-v1", CloudRun: &rollout.CloudRun{Service: "shop"},
	}
}

// steps runs the activities over a platform where shop-v1 serves.
func steps(t *testing.T) (*testsuite.TestActivityEnvironment, *fake.Platform, *activities.Steps) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	platform := fake.New()
	platform.Serve(service, "shop-v1")
	s := activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: platform}, new(fake.Artifacts))
	env.RegisterActivity(s)
	return env, platform, s
}

func TestStepsStateAnEndAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	promotion := work(100)
	promotion.Promotion = true
	for _, row := range []struct {
		name string
		step func(*activities.Steps) any
		work activities.Work
		want string
	}{
		{"settle", func(s *activities.Steps) any { return s.Settle }, work(0), "shop-v1 100%"},
		{"deploy", func(s *activities.Steps) any { return s.Deploy }, work(25), "shop-v1 75%, shop-v2 25%"},
		{"promote", func(s *activities.Steps) any { return s.Deploy }, promotion, "shop-v2 100%"},
		{"restore", func(s *activities.Steps) any { return s.Restore }, work(0), "shop-v1 100%"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env, platform, s := steps(t)
			var writes int
			for range 2 {
				value, err := env.ExecuteActivity(row.step(s), activities.StepRequest{Work: row.work})
				if err != nil {
					t.Fatal(err)
				}
				var res activities.StepResult
				if err := value.Get(&res); err != nil {
					t.Fatal(err)
				}
				if got := res.Observed.Split.String(); got != row.want {
					t.Errorf("it serves %s, want %s", got, row.want)
				}
				if writes != 0 && platform.Writes() != writes {
					t.Errorf("the second run wrote: %q", platform.Path(service))
				}
				writes = platform.Writes()
			}
		})
	}
}

func TestAWeightWaitsForItsRevision(t *testing.T) {
	t.Parallel()
	env, platform, s := steps(t)
	platform.Hold("v2")
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var text string
		if err := details.Get(&text); err != nil {
			t.Error(err)
		}
		if !strings.Contains(text, "revision shop-v2 is starting") {
			t.Errorf("heartbeat %q does not tell the platform's reason", text)
		}
		if got := platform.Splits(service); got[len(got)-1].Of("shop-v2") != 0 {
			t.Errorf("a revision that is not ready serves: %s", got[len(got)-1])
		}
		platform.MakeReady("v2")
	})
	if _, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{Work: work(25)}); err != nil {
		t.Fatal(err)
	}
}

// TestNobodyIsWrittenOverAfterAWait: somebody moves traffic while the step waits for its revision.
func TestNobodyIsWrittenOverAfterAWait(t *testing.T) {
	t.Parallel()
	env, platform, s := steps(t)
	platform.Hold("v2")
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) {
		platform.Drift(service, "eve", rollout.Split{{Revision: "shop-v0", Percent: 100}})
		platform.MakeReady("v2")
	})
	_, err := env.ExecuteActivity(s.Deploy, activities.StepRequest{
		Work: work(25), Last: rollout.Mark{Split: rollout.Split{{Revision: "shop-v1", Percent: 100}}},
	})
	kind, text := activities.Cause(err)
	if kind != rollout.Drift || !strings.Contains(text, "eve changed the split to shop-v0 100%; it was shop-v1 100%") {
		t.Errorf("%s: %s", kind, text)
	}
	if splits := platform.Splits(service); splits[len(splits)-1].String() != "shop-v0 100%" {
		t.Errorf("it serves %s", splits[len(splits)-1])
	}
}

func TestStepsRefuse(t *testing.T) {
	t.Parallel()
	elsewhere := work(25)
	elsewhere.Target.Runtime = "nomad"
	for _, row := range []struct {
		name  string
		setup func(*fake.Platform)
		req   activities.StepRequest
		kind  rollout.Kind
		text  string
	}{
		{
			name: "a runtime this worker has no provider for", req: activities.StepRequest{Work: elsewhere}, kind: rollout.Unsupported,
			text: `find provider "nomad" of target prod: this worker has cloudRun`,
		},
		{
			name:  "a revision that the platform gave up on",
			setup: func(p *fake.Platform) { p.Fail("v2", "container exited with 1") },
			req:   activities.StepRequest{Work: work(25)}, kind: rollout.Failed,
			text: "deploy shop-v2 to prod: container exited with 1 (mend what it names and retry the job, or make a new release)",
		},
		{
			name:  "to write over what somebody else changed",
			setup: func(p *fake.Platform) { p.Drift(service, "eve", rollout.Split{{Revision: "shop-v0", Percent: 100}}) },
			req: activities.StepRequest{
				Work: work(25), Last: rollout.Mark{Split: rollout.Split{{Revision: "shop-v1", Percent: 100}}, Generation: 1},
			},
			kind: rollout.Drift, text: "check for drift on prod: eve changed the split to shop-v0 100%; it was shop-v1 100%",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env, platform, s := steps(t)
			if row.setup != nil {
				row.setup(platform)
			}
			_, err := env.ExecuteActivity(s.Deploy, row.req)
			kind, text := activities.Cause(err)
			if kind != row.kind || text != row.text {
				t.Errorf("got  %s %q\nwant %s %q", kind, text, row.kind, row.text)
			}
			if row.kind == rollout.Drift && platform.Splits(service)[1].Of("shop-v0") != 100 {
				t.Error("it wrote all the same")
			}
		})
	}
}

// TestApplicationKeepsTheKind: the kind is all that code on the other side has.
func TestApplicationKeepsTheKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err   error
		kind  rollout.Kind
		again bool
	}{
		{&rollout.Error{Op: "x", Kind: rollout.Denied, Err: errors.New("no")}, rollout.Denied, false},
		{fmt.Errorf("outer: %w", &rollout.Error{Op: "x", Kind: rollout.Transient, Err: errors.New("503"), After: 7 * time.Second}), rollout.Transient, true},
		{errors.New("connection reset"), rollout.Transient, true},
	} {
		var app *temporal.ApplicationError
		if !errors.As(activities.Application(row.err), &app) {
			t.Fatalf("%v is no application error", row.err)
		}
		if app.Type() != string(row.kind) || app.NonRetryable() == row.again {
			t.Errorf("%v: type %s, retried %v", row.err, app.Type(), !app.NonRetryable())
		}
		var e *rollout.Error
		if errors.As(row.err, &e) && app.NextRetryDelay() != e.After {
			t.Errorf("%v: tried again after %s", row.err, app.NextRetryDelay())
		}
	}
	if err := activities.Application(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context becomes %v", err)
	}
	long := activities.Application(errors.New("x" + strings.Repeat("é", 9000)))
	if _, text := activities.Cause(long); len(text) > 3000 || !utf8.ValidString(text) {
		t.Errorf("a text of %d bytes would be in the history, valid %v", len(text), utf8.ValidString(text))
	}
	late := temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, activities.Application(errors.New("503")))
	if kind, text := activities.Cause(late); kind != rollout.Expired || text != "no answer in time (ScheduleToClose): 503" {
		t.Errorf("a timeout with a cause: %s %q", kind, text)
	}
}

// Serin sees and writes nothing at a custom target, also where its containers run on a platform that
// this worker has.
func TestNoStepReachesACustomTarget(t *testing.T) {
	t.Parallel()
	env, platform, s := steps(t)
	w := work(25)
	w.CloudRun, w.Target = nil, rollout.Target{Name: "prod", Runtime: rollout.RuntimeCustom, Location: "projects/acme/locations/europe-west1"}
	for name, step := range map[string]any{
		"baseline": s.Baseline, "observe": s.Observe, "settle": s.Settle, "deploy": s.Deploy, "remove": s.Remove, "leave": s.Leave, "restore": s.Restore,
	} {
		_, err := env.ExecuteActivity(step, activities.StepRequest{Work: w})
		if kind, text := activities.Cause(err); kind != rollout.Unsupported || text != `find provider "custom" of target prod: this worker has cloudRun` {
			t.Errorf("%s: %s: %s", name, kind, text)
		}
	}
	if n := platform.Writes(); n > 0 {
		t.Errorf("the platform has seen %d writes", n)
	}
}
