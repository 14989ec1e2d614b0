package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// patience is how long what keeps a pod from starting may stand before it counts as
// a failure. A kubelet pulls an image for the third time after about 30 s, a
// ConfigMap or Secret of an operator is there by then, pods that end have given
// their quota back, and an autoscaler has said whether it adds a node.
const patience = 30 * time.Second

// trouble is what keeps one pod from becoming ready.
type trouble struct {
	pod, text string
	fatalAt   time.Time // from then on it is a failure; the zero time: it is one already
	unplaced  bool      // no node takes the pod
}

// fatal reports whether t has stood for too long at now.
func (t trouble) fatal(now time.Time) bool { return !now.Before(t.fatalAt) }

// troubles returns what is wrong with the pods, in the order of their names. Pods
// that end, or that the cluster has given up and replaces, are left out.
func troubles(pods []*corev1.Pod) []trouble {
	var found []trouble
	for _, p := range pods {
		if gone(p) {
			continue
		}
		if t, ok := troubleOf(p); ok {
			t.pod = p.Name
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b trouble) int { return cmp.Compare(a.pod, b.pod) })
	return found
}

// replicaSetOf returns the name of the ReplicaSet that controls p, or "".
func replicaSetOf(p *corev1.Pod) string {
	for _, o := range p.OwnerReferences {
		if o.Controller != nil && *o.Controller && o.Kind == "ReplicaSet" {
			return o.Name
		}
	}
	return ""
}

func troubleOf(p *corev1.Pod) (trouble, bool) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return trouble{
				text:    fmt.Sprintf("pod %s cannot be scheduled: %s", p.Name, brief(c.Message)),
				fatalAt: c.LastTransitionTime.Add(patience), unplaced: true,
			}, true
		}
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if t, ok := containerTrouble(p, c); ok {
			return t, true
		}
	}
	return trouble{}, false
}

func containerTrouble(p *corev1.Pod, c corev1.ContainerStatus) (trouble, bool) {
	w := c.State.Waiting
	if w == nil {
		return trouble{}, false
	}
	where := fmt.Sprintf("container %s of pod %s", c.Name, p.Name)
	said := trouble{text: where + ": " + w.Reason}
	if w.Message != "" {
		said.text += ": " + brief(w.Message)
	}
	switch w.Reason {
	case "CrashLoopBackOff":
		if c.RestartCount < 1 {
			return trouble{}, false // it has ended once; the kubelet is about to start it again
		}
		return trouble{text: fmt.Sprintf("%s crashes (%s so far)%s", where, count(int(c.RestartCount), "restart"), lastEnd(p, c))}, true
	case "InvalidImageName", "ErrImageNeverPull":
		return said, true // only another template changes that
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
		"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
		said.fatalAt = started(p, c).Add(patience)
		return said, true
	}
	return trouble{}, false
}

// started returns the earliest time at which the kubelet can have tried to start c:
// a status does not say since when a container waits.
func started(p *corev1.Pod, c corev1.ContainerStatus) time.Time {
	at := p.CreationTimestamp.Time
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	for _, cond := range p.Status.Conditions {
		if cond.Status == corev1.ConditionTrue && (cond.Type == corev1.PodScheduled || cond.Type == corev1.PodInitialized) {
			later(cond.LastTransitionTime.Time)
		}
	}
	for _, before := range p.Status.InitContainerStatuses {
		if end := before.State.Terminated; end != nil {
			later(end.FinishedAt.Time)
		}
	}
	if end := c.LastTerminationState.Terminated; end != nil {
		later(end.FinishedAt.Time)
	}
	return at
}

// lastEnd tells how c ended last. Its message is told only if the container wrote it
// for that purpose: a message that falls back to the log may hold anything.
func lastEnd(p *corev1.Pod, c corev1.ContainerStatus) string {
	end := c.LastTerminationState.Terminated
	if end == nil {
		return ""
	}
	text := fmt.Sprintf(": exit code %d", end.ExitCode)
	if end.Reason != "" {
		text += ", " + end.Reason
	}
	if end.Message == "" || fallsBackToLog(p, c.Name) {
		return text + fmt.Sprintf(" (kubectl logs -n %s %s -c %s --previous tells more)", p.Namespace, p.Name, c.Name)
	}
	return text + ": " + brief(end.Message)
}

func fallsBackToLog(p *corev1.Pod, container string) bool {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if c.Name == container {
			return c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError
		}
	}
	return false
}

// brief is a message of the cluster on one line and of a bearable length.
func brief(message string) string {
	return cut(strings.TrimSuffix(strings.TrimSpace(message), "."))
}

// count reads "1 restart", "2 restarts".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
