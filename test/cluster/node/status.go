package node

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubelet "k8s.io/kubernetes/pkg/kubelet/status"
)

// NeverReady is the annotation of a pod that, with the value "true", never passes readiness.
const NeverReady = "serin.test/never-ready"

// addressed is the pod with the addresses that its containers may ask for.
func (p *pod) addressed() *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	object := p.object.DeepCopy()
	p.address(&object.Status)
	return object
}

func (p *pod) address(s *corev1.PodStatus) {
	s.HostIP = p.node.addresses.host.String()
	s.HostIPs = []corev1.HostIP{{IP: s.HostIP}}
	if p.ip.IsValid() {
		s.PodIP = p.ip.String()
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	}
}

// status is what a kubelet would say now. Conditions of others stay as they are.
// The caller holds mu.
func (p *pod) status(now metav1.Time) corev1.PodStatus {
	s := *p.base.DeepCopy()
	p.address(&s)
	s.ObservedGeneration = p.object.Generation
	if s.StartTime == nil {
		s.StartTime = &p.started
	}
	s.InitContainerStatuses = p.containers(p.initial)
	s.ContainerStatuses = p.containers(p.main)
	slices.SortFunc(s.ContainerStatuses, func(a, b corev1.ContainerStatus) int { return strings.Compare(a.Name, b.Name) })
	s.Phase = phase(&p.object.Spec, s.InitContainerStatuses, s.ContainerStatuses)
	if p.over {
		p.conclude(&s)
	}
	all := slices.Concat(s.InitContainerStatuses, s.ContainerStatuses)
	for _, c := range []corev1.PodCondition{
		{Type: corev1.PodReadyToStartContainers, Status: truth(p.ip.IsValid() && !p.over)},
		kubelet.GeneratePodInitializedCondition(p.object, &s, all, s.Phase),
		kubelet.GeneratePodReadyCondition(p.object, &s, p.object.Status.Conditions, all, s.Phase),
		kubelet.GenerateContainersReadyCondition(p.object, &s, all, s.Phase),
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
	} {
		c.ObservedGeneration, c.LastTransitionTime = p.object.Generation, now
		s.Conditions = with(s.Conditions, c)
	}
	return s
}

func (p *pod) containers(list []*container) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for _, c := range list {
		s := *c.status.DeepCopy()
		s.Resources, s.AllocatedResources = c.spec.Resources.DeepCopy(), c.spec.Resources.Requests.DeepCopy()
		if p.object.Annotations[NeverReady] == "true" && s.State.Running != nil {
			s.Ready = false
		}
		statuses = append(statuses, s)
	}
	return statuses
}

// conclude gives a pod that is over a final phase, and its containers an end.
func (p *pod) conclude(s *corev1.PodStatus) {
	initialized := initialPhase(&p.origin.Spec, s.InitContainerStatuses) == corev1.PodRunning
	succeeded := true
	for i := range s.ContainerStatuses {
		c := &s.ContainerStatuses[i]
		if c.State.Terminated == nil && initialized {
			c.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				Reason: "ContainerStatusUnknown", Message: "The container could not be located when the pod was terminated", ExitCode: 137,
			}}
		}
		succeeded = succeeded && c.State.Terminated != nil && c.State.Terminated.ExitCode == 0
	}
	s.Phase = corev1.PodFailed
	switch {
	case p.deadline:
		s.Reason, s.Message = "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"
	case succeeded:
		s.Phase = corev1.PodSucceeded
	}
}

// with puts c in the place of the one of its type. The time of its last transition
// stays while its status does.
func with(conditions []corev1.PodCondition, c corev1.PodCondition) []corev1.PodCondition {
	for i, old := range conditions {
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		conditions[i] = c
		return conditions
	}
	return append(conditions, c)
}

func truth(b bool) corev1.ConditionStatus {
	if b {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
