package node

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
)

// phase is that of a pod whose containers run, will run, or have ended by themselves.
// A container that waits for its restart counts as what it was.
func phase(spec *corev1.PodSpec, initial, main []corev1.ContainerStatus) corev1.PodPhase {
	if p := initialPhase(spec, initial); p != corev1.PodRunning {
		return p
	}
	running, failed := anyRuns(initial), false
	for _, c := range main {
		end := c.State.Terminated
		switch {
		case neverRan(c):
			return corev1.PodPending
		case end == nil || restarts(spec, spec.Containers, c):
			running = true
		case end.ExitCode != 0:
			failed = true
		}
	}
	switch {
	case running:
		return corev1.PodRunning
	case failed:
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}

// initialPhase is Running when the init containers let the others run.
func initialPhase(spec *corev1.PodSpec, initial []corev1.ContainerStatus) corev1.PodPhase {
	for i, c := range initial {
		if podutil.IsRestartableInitContainer(&spec.InitContainers[i]) {
			if neverRan(c) {
				return corev1.PodPending
			}
			continue
		}
		end := c.State.Terminated
		switch {
		case end == nil || (end.ExitCode != 0 && restarts(spec, spec.InitContainers, c)):
			return corev1.PodPending
		case end.ExitCode != 0:
			return corev1.PodFailed
		}
	}
	return corev1.PodRunning
}

func neverRan(c corev1.ContainerStatus) bool {
	return c.State.Waiting != nil && c.LastTerminationState.Terminated == nil
}

func anyRuns(list []corev1.ContainerStatus) bool {
	return slices.ContainsFunc(list, func(c corev1.ContainerStatus) bool { return c.State.Running != nil })
}

// restarts tells whether the container of c, which has ended, starts again.
func restarts(spec *corev1.PodSpec, containers []corev1.Container, c corev1.ContainerStatus) bool {
	i := slices.IndexFunc(containers, func(o corev1.Container) bool { return o.Name == c.Name })
	return i < 0 || podutil.ContainerShouldRestart(containers[i], *spec, c.State.Terminated.ExitCode)
}
