package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// customStops: no lane is given back, and no job has failed, while containers of a deploy may still run.
func customStops() []pathRow {
	away := answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START}
	lost := answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, kept: "deploy: runs"}
	started := []string{"created", "granted", "canary-50 started"}
	noWorker := "waits for worker: no worker polls task queue serin"
	return []pathRow{
		{
			name: "a worker is lost after it has begun containers: a cancel waits until they are stopped",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, lost)
				s.says(activities.StopJob, answer{never: true}, away, away, away, away)
				s.cancels(time.Second)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 0", "StopJob deploy of canary-50 1", "StopJob deploy of canary-50 1", "StopJob deploy of canary-50 1",
					"StopJob deploy of canary-50 1", "StopJob deploy of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: slices.Concat(started, []string{
				noWorker, cancelled, noWorker + ": the containers of canary-50 may still run", "canary-50 failed: no answer in time (ScheduleToStart)", ended,
			}),
		},
		{
			name: "where no worker has ever taken it, nothing is stopped",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, away)
				s.says(activities.StopJob, answer{never: true})
				s.cancels(time.Second)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 0")
			},
			want: rollout.StateCancelled,
			path: slices.Concat(started, []string{noWorker, cancelled, "canary-50 failed: no answer in time (ScheduleToStart)", ended}),
		},
		{
			name: "nor where only an earlier attempt had begun any",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE}, away)
				s.says(activities.StopJob, answer{}, answer{never: true})
				s.commandDeploy(time.Minute, rollout.CommandRetryJob)
				s.cancels(2 * time.Minute)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 1", "RunJob deploy of canary-50 2", "StopJob deploy of canary-50 0")
			},
			want: rollout.StateCancelled,
			path: slices.Concat(started, []string{
				"canary-50 failed: no answer in time (ScheduleToClose)", "failed", "canary-50 retried by ann", asksAgain, "granted", "canary-50 started (attempt 2)",
				noWorker, cancelled, "canary-50 failed: no answer in time (ScheduleToStart)", ended,
			}),
		},
		{
			name: "its time is over: they are stopped before it has failed",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE})
				s.says(activities.StopJob, answer{after: 2 * time.Minute})
				s.commandDeploy(time.Minute, rollout.CommandRetryJob)
				s.cancels(time.Hour)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 1")
			},
			want:    rollout.StateCancelled,
			path:    slices.Concat(started, []string{"canary-50 failed: no answer in time (ScheduleToClose)", "failed", cancelled, ended}),
			refused: []string{"retryJob v2-to-prod-0001: job deploy of canary-50 is IN_PROGRESS, not FAILED"},
		},
		{
			name: "nobody knows how it ended, as of an evicted pod: it is stopped",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, unsure(0, "it was evicted"))
				s.cancels(time.Hour)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: slices.Concat(started, []string{"canary-50 failed: it was evicted", "failed", cancelled, ended}),
		},
		{
			name: "one container has failed, and the other one did not stop in time",
			setup: func(s *stage) {
				a := fails(0, "a exited with 1")
				a.result.Outcome.Checks = []rollout.CheckStatus{{ID: "a", Verdict: rollout.VerdictFail}, {ID: "b"}}
				s.says(rollout.JobDeploy, a)
				s.cancels(time.Hour)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: slices.Concat(started, []string{"canary-50 failed: a exited with 1", "failed", cancelled, ended}),
		},
	}
}

// TestWhatCannotBeStoppedSaysHowLongItMayRun: its lane is not held for it, as nothing may have begun.
func TestWhatCannotBeStoppedSaysHowLongItMayRun(t *testing.T) {
	t.Parallel()
	s := newCustom(t)
	until := s.Now().Add(time.Hour + 5*time.Minute).UTC().Format(time.RFC3339)
	s.says(rollout.JobDeploy, answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE})
	s.says(activities.StopJob, answer{err: &rollout.Error{Op: "stop job", On: "serin-1", Kind: rollout.Denied, Err: errors.New("no")}})
	s.cancels(time.Minute)
	equal(t, "path", path(s.run(t)), []string{
		"created", "granted", "canary-50 started", "containers of canary-50 may run until " + until + ": stop job serin-1: no",
		"canary-50 failed: no answer in time (ScheduleToClose)", "failed", cancelled, ended,
	})
}
