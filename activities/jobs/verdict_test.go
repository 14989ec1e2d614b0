package jobs_test

import (
	"errors"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// A Runner that tells nothing has found nothing out.
func TestATaskWithoutAVerdictIsInconclusive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ends["smoke"] = activities.TaskResult{}
	out := s.runs(rollout.JobSpec{Tasks: tasks("smoke")})
	if out.Verdict != rollout.VerdictInconclusive || out.Reason != "its platform does not tell how task smoke ended" {
		t.Errorf("%+v", out)
	}
}

// What another task has found stays, though a task cannot be stopped for it.
func TestATaskThatCannotBeStoppedChangesNoVerdict(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ends["a"], s.held["b"] = ended(rollout.VerdictFail, "task a exited with 1"), true
	s.unstopped = errors.New("the API is away")
	out := s.runs(rollout.JobSpec{Tasks: tasks("a", "b"), Parallel: true})
	const want = "a: fail (task a exited with 1), b:  (not stopped, though another one failed: the API is away)"
	if out.Verdict != rollout.VerdictFail || out.Reason != "task a exited with 1" || told(out) != want {
		t.Errorf("got %s (%s): %s", out.Verdict, out.Reason, told(out))
	}
}
