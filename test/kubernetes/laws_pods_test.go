package kubernetes_test

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// schedule gives the pods of the namespace their fate until the test ends.
func (s *lawScene) schedule() {
	s.Helper()
	pods, err := s.cluster.Client.CoreV1().Pods(s.namespace).Watch(s.ctx, metav1.ListOptions{FieldSelector: "spec.nodeName="})
	if err != nil {
		s.Fatal(err)
	}
	done := make(chan struct{})
	s.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for e := range pods.ResultChan() {
			pod, ok := e.Object.(*corev1.Pod)
			if !ok || e.Type != watch.Added {
				continue
			}
			if err := s.place(pod); err != nil && s.ctx.Err() == nil {
				s.Errorf("pod %s: %v", pod.Name, err)
			}
		}
	}()
}

func (s *lawScene) place(pod *corev1.Pod) error {
	_, release, _ := strings.Cut(pod.Spec.Containers[0].Image, ":")
	s.mu.Lock()
	reason, held := s.failing[release], s.held[release]
	if held {
		s.waiting = append(s.waiting, pod)
	}
	s.mu.Unlock()
	switch {
	case reason != "":
		return s.crash(pod, reason)
	case held:
		return nil
	}
	return s.bind(pod)
}

func (s *lawScene) bind(pod *corev1.Pod) error {
	err := s.cluster.Client.CoreV1().Pods(s.namespace).Bind(s.ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: "kwok-0"},
	}, metav1.CreateOptions{})
	if lawGone(err) {
		return nil
	}
	return err
}

// crash says of a pod what a kubelet does whose container ends again and again.
func (s *lawScene) crash(pod *corev1.Pod, reason string) error {
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: pod.Spec.Containers[0].Name, RestartCount: 2,
		State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: reason}},
	}}
	status, err := json.Marshal(map[string]any{"status": pod.Status})
	if err != nil {
		return err
	}
	_, err = s.cluster.Client.CoreV1().Pods(s.namespace).
		Patch(s.ctx, pod.Name, types.StrategicMergePatchType, status, metav1.PatchOptions{}, "status")
	if lawGone(err) {
		return nil
	}
	return err
}

func (s *lawScene) makeReady(release string) {
	s.Helper()
	s.mu.Lock()
	pods := s.waiting
	s.waiting, s.held[release] = nil, false
	s.mu.Unlock()
	for _, pod := range pods {
		if err := s.bind(pod); err != nil {
			s.Fatal(err)
		}
	}
}

// lawGone reports whether a pod was deleted meanwhile.
func lawGone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }
