package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// unready says what the first pod that is not ready waits for, "" if all are ready.
func unready(pods []*corev1.Pod) string {
	var first *corev1.Pod
	for _, p := range pods {
		if gone(p) || isTrue(p, corev1.PodReady) {
			continue
		}
		if first == nil || p.Name < first.Name {
			first = p
		}
	}
	if first == nil {
		return ""
	}
	return "pod " + first.Name + " " + waitsFor(first)
}

// gone reports whether p ends, or has ended and will be replaced.
func gone(p *corev1.Pod) bool {
	return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
}

func isTrue(p *corev1.Pod, kind corev1.PodConditionType) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

// waitsFor says what p, which is not ready, waits for.
func waitsFor(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "waits for a node: " + brief(cmp.Or(c.Message, c.Reason))
		}
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if text := containerWaitsFor(c); text != "" {
			return text
		}
	}
	for _, gate := range p.Spec.ReadinessGates {
		if !isTrue(p, gate.ConditionType) {
			return fmt.Sprintf("runs, but its readiness gate %s is not true", gate.ConditionType)
		}
	}
	return "starts"
}

// containerWaitsFor is "" for a container that is ready, or an init container that has
// done its work.
func containerWaitsFor(c corev1.ContainerStatus) string {
	switch {
	case c.State.Waiting != nil:
		return fmt.Sprintf("waits with container %s: %s", c.Name, cmp.Or(c.State.Waiting.Reason, "Waiting"))
	case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
		return fmt.Sprintf("restarts container %s, which ended with exit code %d", c.Name, c.State.Terminated.ExitCode)
	case c.State.Running != nil && !c.Ready:
		return fmt.Sprintf("runs, but container %s is not ready", c.Name)
	}
	return ""
}

// scaleUpNote returns what the newest word of an autoscaler of nodes in a pod's events
// is, if it is that a node is on its way: TriggeredScaleUp is the cluster autoscaler's,
// Nominated is Karpenter's. NotTriggerScaleUp takes it back.
func scaleUpNote(events []corev1.Event) string {
	var newest *corev1.Event
	for i, e := range events {
		switch e.Reason {
		case "TriggeredScaleUp", "Nominated", "NotTriggerScaleUp":
			if newest == nil || lastSeen(e).After(lastSeen(*newest)) {
				newest = &events[i]
			}
		}
	}
	if newest == nil || newest.Reason == "NotTriggerScaleUp" {
		return ""
	}
	return newest.Reason + ": " + brief(newest.Message)
}

// lastSeen is when an event happened last: which field says so depends on who wrote it.
func lastSeen(e corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	if e.EventTime.After(last) {
		last = e.EventTime.Time
	}
	return last
}
