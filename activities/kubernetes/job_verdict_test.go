package kubernetes

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/serin-dev/serin/rollout"
)

// jobAt is a Job that was made at noon, with conditions of status True.
func jobAt(noon time.Time, conditions ...batchv1.JobCondition) *batchv1.Job {
	hour := int64(3600)
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "serin-1", CreationTimestamp: metav1.NewTime(noon)}, Spec: batchv1.JobSpec{ActiveDeadlineSeconds: &hour}}
	for _, c := range conditions {
		c.Status = corev1.ConditionTrue
		j.Status.Conditions = append(j.Status.Conditions, c)
	}
	return j
}

func failedFor(reason string) batchv1.JobCondition {
	return batchv1.JobCondition{Type: batchv1.JobFailed, Reason: reason, Message: "the controller's words."}
}

func taskPod(state corev1.ContainerState, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: corev1.PodStatus{
		ContainerStatuses: []corev1.ContainerStatus{{Name: "sidecar", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, {Name: taskContainer, State: state}},
	}}
	for _, change := range changes {
		change(p)
	}
	return p
}

func exited(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: "no such file"}}
}

func endedAt(at time.Time, code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.NewTime(at)}}
}

func waits(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "pull it"}}
}

func TestHowATaskHasEnded(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	const pass, fail, inconclusive = rollout.VerdictPass, rollout.VerdictFail, rollout.VerdictInconclusive
	condition := func(kind corev1.PodConditionType, message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, Message: message})
		}
	}
	created := func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(noon) }
	for _, row := range []struct {
		name   string
		job    *batchv1.Job
		pod    *corev1.Pod
		last   *corev1.Pod
		after  time.Duration // noon
		want   rollout.Verdict
		reason string
	}{
		{name: "it has completed", job: jobAt(noon, batchv1.JobCondition{Type: batchv1.JobComplete}), pod: taskPod(exited(0, "Completed")), want: pass},
		{name: "exit code", job: jobAt(noon, failedFor("BackoffLimitExceeded")), pod: taskPod(exited(3, "Error")), want: fail, reason: "task verify exited with 3"},
		{name: "exit code of a pod that is gone", job: jobAt(noon, failedFor("BackoffLimitExceeded")), last: taskPod(exited(3, "Error")), want: fail, reason: "task verify exited with 3"},
		{name: "memory", job: jobAt(noon, failedFor("BackoffLimitExceeded")), pod: taskPod(exited(137, "OOMKilled")), want: fail, reason: "task verify used more memory than it may (OOMKilled)"},
		{name: "no such command", job: jobAt(noon, failedFor("BackoffLimitExceeded")), pod: taskPod(exited(128, "StartError")), want: fail, reason: "task verify cannot start: no such file"},
		{name: "deadline", job: jobAt(noon, failedFor("DeadlineExceeded")), last: taskPod(running), want: fail, reason: "task verify did not end within 1h0m0s"},
		{name: "deadline before it began", job: jobAt(noon, failedFor("DeadlineExceeded")), last: taskPod(waits("ContainerCreating")), want: inconclusive, reason: "task verify did not begin within 1h0m0s"},
		{
			name: "evicted, as the Job says", job: jobAt(noon, failedFor("PodFailurePolicy")), want: inconclusive,
			reason: "the pod of task verify was evicted before it ended: the controller's words",
		},
		{
			name: "evicted, as the pod says", job: jobAt(noon, failedFor("PodFailurePolicy")),
			pod: taskPod(exited(137, "Error"), condition(corev1.DisruptionTarget, "low on memory.")), want: inconclusive,
			reason: "the pod of task verify was evicted before it ended: low on memory",
		},
		{
			name: "evicted by an older cluster", job: jobAt(noon, failedFor("BackoffLimitExceeded")),
			pod: taskPod(exited(137, "Error"), func(p *corev1.Pod) { p.Status.Reason = "Evicted" }), want: inconclusive,
			reason: "the pod of task verify was evicted before it ended: Evicted",
		},
		{
			name: "deleted by somebody", job: jobAt(noon, failedFor("BackoffLimitExceeded")), want: inconclusive,
			reason: "somebody has deleted pod p of task verify before it ended",
			last: taskPod(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 143, FinishedAt: metav1.NewTime(noon.Add(time.Second))}}, func(p *corev1.Pod) {
				at, grace := metav1.NewTime(noon.Add(30*time.Second)), int64(30)
				p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &at, &grace
			}),
		},
		{
			name: "deleted after it ended", job: jobAt(noon, failedFor("BackoffLimitExceeded")), want: fail, reason: "task verify exited with 2",
			last: taskPod(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, FinishedAt: metav1.NewTime(noon.Add(-time.Second))}}, func(p *corev1.Pod) {
				at, grace := metav1.NewTime(noon.Add(30*time.Second)), int64(30)
				p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &at, &grace
			}),
		},
		{
			name: "refused by its node", job: jobAt(noon, failedFor("BackoffLimitExceeded")), want: inconclusive,
			pod:    &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: corev1.PodStatus{Reason: "OutOfcpu", Message: "Node had no cpu."}},
			reason: "pod p of task verify has ended without an exit code: Node had no cpu",
		},
		{
			name: "lost without a trace", job: jobAt(noon, failedFor("BackoffLimitExceeded")), want: inconclusive,
			reason: "the pod of task verify is gone, and nobody knows how it ended",
		},
		{name: "its Job is deleted", want: inconclusive, reason: "somebody has deleted job/serin-1 in shop before it ended"},
		{name: "an image that is not there", job: jobAt(noon), pod: taskPod(waits("ErrImagePull"), created), after: time.Second, reason: "container task of pod p: ErrImagePull: pull it"},
		{
			name: "an image that stays away", job: jobAt(noon), pod: taskPod(waits("ImagePullBackOff"), created), after: patience, want: inconclusive,
			reason: "task verify never ran: container task of pod p: ImagePullBackOff: pull it",
		},
		{
			name: "an image that cannot be", job: jobAt(noon), pod: taskPod(waits("InvalidImageName"), created), want: inconclusive,
			reason: "task verify never ran: container task of pod p: InvalidImageName: pull it",
		},
		{name: "it runs", job: jobAt(noon), pod: taskPod(running), after: time.Hour, reason: "runs in pod p"},
		{name: "it has ended, and its pod has not", job: jobAt(noon), pod: taskPod(endedAt(noon, 0)), after: time.Second, reason: "has ended in pod p"},
		{name: "a sidecar never ends", job: jobAt(noon), pod: taskPod(endedAt(noon, 0)), after: besides, want: pass},
		{name: "a sidecar never ends after a failure", job: jobAt(noon), pod: taskPod(endedAt(noon, 4)), after: besides, want: fail, reason: "task verify exited with 4"},
		{name: "it starts", job: jobAt(noon), pod: taskPod(waits("ContainerCreating"), created), after: time.Second, reason: "pod p waits with container task: ContainerCreating"},
		{name: "no pod yet", job: jobAt(noon), after: time.Second, reason: "job/serin-1 in shop has no pod yet"},
		{name: "no pod at all", job: jobAt(noon), after: patience, want: inconclusive, reason: "task verify never ran: job/serin-1 in shop has no pod"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := jobSight{task: "verify", name: "job/serin-1 in shop", job: row.job, pod: row.pod}
			got := s.judge(jobSight{pod: row.last}, noon.Add(row.after))
			if got.result.Verdict != row.want || got.result.Reason+got.progress != row.reason {
				t.Errorf("got %s (%s), want %s (%s)", got.result.Verdict, got.result.Reason+got.progress, row.want, row.reason)
			}
			if got.hopeless && row.job.Status.Conditions != nil {
				t.Error("a Job that has ended is to be deleted")
			}
		})
	}
}
