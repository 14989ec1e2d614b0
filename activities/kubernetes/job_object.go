package kubernetes

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/serin-dev/serin/activities"
)

// What a task's Job says of its run. The label selects its pods, and Jobs of a pipeline.
const (
	annotationPhase = "serin.dev/phase"
	annotationJob   = "serin.dev/job"
	annotationTask  = "serin.dev/task"
	labelTask       = "serin.dev/task-run" // of pods: the name of their Job
)

const (
	taskContainer = "task"
	taskDeadline  = time.Hour      // where the task says none
	taskKept      = 24 * time.Hour // how long a Job that has ended stays, for kubectl logs
)

func (s *session) jobAnnotations(t activities.TaskRun) map[string]string {
	return map[string]string{
		annotationPipeline: s.w.Pipeline, annotationRollout: s.w.Rollout,
		annotationPhase: s.w.Phase, annotationJob: t.Job, annotationTask: t.Task.ID,
		annotationAttempt: strconv.Itoa(t.Attempt),
	}
}

// jobObject is the Job of t. It tries once: a retry is a person's decision, or an automation's.
func (s *session) jobObject(t activities.TaskRun) (*unstructured.Unstructured, error) {
	deadline := int64(max(cmp.Or(t.Task.Timeout, taskDeadline).Seconds(), 1))
	kept, once := int32(taskKept.Seconds()), int32(0)
	job := &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Name: t.Name(), Namespace: s.ns, Annotations: s.jobAnnotations(t),
			Labels: map[string]string{annotationPipeline: s.w.Pipeline},
		},
		Spec: batchv1.JobSpec{
			BackoffLimit: &once, ActiveDeadlineSeconds: &deadline, TTLSecondsAfterFinished: &kept,
			PodFailurePolicy: evictionIsTold(),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{labelTask: t.Name()}},
				Spec: corev1.PodSpec{
					RestartPolicy: corev1.RestartPolicyNever,
					Containers: []corev1.Container{{
						Name: taskContainer, Image: t.Task.Image,
						Command: literal(t.Task.Command), Args: literal(t.Task.Args), Env: variables(t),
					}},
				},
			},
		},
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(job)
	if err != nil {
		return nil, err
	}
	return clean(&unstructured.Unstructured{Object: content}), nil
}

// evictionIsTold lets the Job itself say that its pod was evicted, preempted or lost with its
// node: the pod that could tell is soon gone.
func evictionIsTold() *batchv1.PodFailurePolicy {
	return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action:          batchv1.PodFailurePolicyActionFailJob,
		OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}},
	}}}
}

// variables are the task's own, and over them what Serin sets, by name.
func variables(t activities.TaskRun) []corev1.EnvVar {
	all := maps.Clone(t.Task.Env)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, t.Env)
	out := make([]corev1.EnvVar, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, corev1.EnvVar{Name: name, Value: escape(all[name])})
	}
	return out
}

// literal keeps Kubernetes from replacing $(NAME): on every platform a container gets the same.
func literal(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, escape(w))
	}
	return out
}

func escape(text string) string { return strings.ReplaceAll(text, "$", "$$") }
