package kubernetes

import (
	"cmp"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// besides is how long the pod may go on after its task: its Job ends with the last container, and
// one that a mesh has added never ends. What is left ends with the Job's deadline.
const besides = 5 * time.Second

// jobSight is what is seen of a task's Job at once.
type jobSight struct {
	task, name string
	job        *batchv1.Job // nil: it does not exist
	pod        *corev1.Pod  // the newest; nil: none
}

// jobEnd is what a sight means. Without a verdict the Job goes on.
type jobEnd struct {
	result   activities.TaskResult
	pod      *corev1.Pod // whose log tells more
	hopeless bool        // the Job still stands, and would never run
	unplaced bool        // because no node takes its pod
	progress string
	again    time.Duration // how soon it becomes hopeless although nothing changes; 0: never
}

// judge tells how the Job has ended. last is the newest sight that had a pod: pods may be gone
// before their Job has ended.
func (s jobSight) judge(last jobSight, now time.Time) jobEnd {
	if s.job == nil {
		return inconclusive(last.pod, "somebody has deleted %s before it ended", s.name)
	}
	if !s.ended() {
		return s.running(now)
	}
	if s.pod == nil {
		s.pod = last.pod
	}
	if why := jobIs(s.job, batchv1.JobFailed); why != nil {
		return s.failed(*why)
	}
	return jobEnd{pod: s.pod, result: activities.TaskResult{Verdict: rollout.VerdictPass}}
}

func (s jobSight) ended() bool {
	return jobIs(s.job, batchv1.JobComplete) != nil || jobIs(s.job, batchv1.JobFailed) != nil
}

func jobIs(job *batchv1.Job, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i, c := range job.Status.Conditions {
		if c.Type == kind && c.Status == corev1.ConditionTrue {
			return &job.Status.Conditions[i]
		}
	}
	return nil
}

func inconclusive(pod *corev1.Pod, format string, args ...any) jobEnd {
	return jobEnd{pod: pod, result: activities.TaskResult{Verdict: rollout.VerdictInconclusive, Reason: fmt.Sprintf(format, args...)}}
}

func fails(pod *corev1.Pod, format string, args ...any) jobEnd {
	return jobEnd{pod: pod, result: activities.TaskResult{Verdict: rollout.VerdictFail, Reason: fmt.Sprintf(format, args...)}}
}

// failed tells a task that has found something from one that was kept from it.
func (s jobSight) failed(why batchv1.JobCondition) jobEnd {
	end := s.exit()
	switch {
	case why.Reason == batchv1.JobReasonDeadlineExceeded && s.ran():
		return fails(s.pod, "task %s did not end within %s", s.task, s.deadline())
	case why.Reason == batchv1.JobReasonDeadlineExceeded:
		return inconclusive(s.pod, "task %s did not begin within %s", s.task, s.deadline())
	case why.Reason == batchv1.JobReasonPodFailurePolicy || s.evicted() != "":
		return inconclusive(s.pod, "the pod of task %s was evicted before it ended: %s", s.task, cmp.Or(s.evicted(), brief(why.Message)))
	case s.pod == nil:
		return inconclusive(nil, "the pod of task %s is gone, and nobody knows how it ended", s.task)
	case s.removed(end):
		return inconclusive(s.pod, "somebody has deleted pod %s of task %s before it ended", s.pod.Name, s.task)
	case end == nil:
		return inconclusive(s.pod, "pod %s of task %s has ended without an exit code: %s", s.pod.Name, s.task,
			brief(cmp.Or(s.pod.Status.Message, s.pod.Status.Reason, why.Message)))
	}
	return s.exitedWith(end)
}

// exitedWith judges how the container ended by itself.
func (s jobSight) exitedWith(end *corev1.ContainerStateTerminated) jobEnd {
	switch {
	case end.ExitCode == 0:
		return jobEnd{pod: s.pod, result: activities.TaskResult{Verdict: rollout.VerdictPass}}
	case end.Reason == "OOMKilled":
		return fails(s.pod, "task %s used more memory than it may (OOMKilled)", s.task)
	case end.Reason == "StartError" || end.Reason == "ContainerCannotRun":
		return fails(s.pod, "task %s cannot start: %s", s.task, brief(end.Message))
	}
	return fails(s.pod, "task %s exited with %d", s.task, end.ExitCode)
}

func (s jobSight) deadline() time.Duration {
	if s.job.Spec.ActiveDeadlineSeconds == nil {
		return taskDeadline
	}
	return time.Duration(*s.job.Spec.ActiveDeadlineSeconds) * time.Second
}

func (s jobSight) container() *corev1.ContainerStatus {
	if s.pod == nil || len(s.pod.Status.ContainerStatuses) == 0 {
		return nil
	}
	for i, c := range s.pod.Status.ContainerStatuses {
		if c.Name == taskContainer { // a mesh may have added others
			return &s.pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// ran reports whether the task has begun.
func (s jobSight) ran() bool {
	c := s.container()
	return c != nil && (c.State.Running != nil || c.State.Terminated != nil)
}

// exit is how the container ended; nil where nobody knows.
func (s jobSight) exit() *corev1.ContainerStateTerminated {
	c := s.container()
	if c == nil || c.State.Terminated == nil || c.State.Terminated.Reason == "ContainerStatusUnknown" {
		return nil
	}
	return c.State.Terminated
}

// evicted says why the cluster has ended the pod, "" if it has not.
func (s jobSight) evicted() string {
	if s.pod == nil {
		return ""
	}
	for _, c := range s.pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return brief(cmp.Or(c.Message, c.Reason))
		}
	}
	switch s.pod.Status.Reason {
	case "Evicted", "NodeLost", "NodeShutdown", "Terminated", "Preempting", "Shutdown":
		return brief(cmp.Or(s.pod.Status.Message, s.pod.Status.Reason))
	}
	return ""
}

// removed reports whether the pod was asked to end before it did by itself.
func (s jobSight) removed(end *corev1.ContainerStateTerminated) bool {
	if s.pod.DeletionTimestamp == nil {
		return false
	}
	asked := s.pod.DeletionTimestamp.Time
	if grace := s.pod.DeletionGracePeriodSeconds; grace != nil {
		asked = asked.Add(-time.Duration(*grace) * time.Second)
	}
	return end == nil || !end.FinishedAt.Time.Before(asked)
}

// running tells how far the Job is, and whether it will ever begin.
func (s jobSight) running(now time.Time) jobEnd {
	if s.job.DeletionTimestamp != nil {
		return inconclusive(s.pod, "somebody has deleted %s before it ended", s.name)
	}
	if s.pod == nil {
		return s.without(now)
	}
	if end := s.exit(); end != nil && s.evicted() == "" && !s.removed(end) {
		if left := end.FinishedAt.Add(besides).Sub(now); left > 0 {
			return jobEnd{progress: "has ended in pod " + s.pod.Name, again: left}
		}
		return s.exitedWith(end)
	}
	t, ok := troubleOf(s.pod)
	switch {
	case ok && t.fatal(now):
		end := inconclusive(s.pod, "task %s never ran: %s", s.task, t.text)
		end.hopeless, end.unplaced = true, t.unplaced
		return end
	case ok:
		return jobEnd{progress: t.text, again: max(t.fatalAt.Sub(now), time.Millisecond)}
	case s.ran():
		return jobEnd{progress: "runs in pod " + s.pod.Name}
	}
	return jobEnd{progress: "pod " + s.pod.Name + " " + waitsFor(s.pod)}
}

// without is a Job that has no pod, which is a moment after it was made; later the cluster
// refuses pods, such as for a quota.
func (s jobSight) without(now time.Time) jobEnd {
	text := s.name + " has no pod"
	left := s.job.CreationTimestamp.Add(patience).Sub(now)
	if left > 0 || s.job.Status.Active > 0 || s.job.Status.Failed > 0 || s.job.Status.Succeeded > 0 {
		return jobEnd{progress: text + " yet", again: max(left, 0)}
	}
	end := inconclusive(nil, "task %s never ran: %s", s.task, text)
	end.hopeless = true
	return end
}
