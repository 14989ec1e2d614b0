package node

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPhase has one letter a container: c creating, r running, b in back-off after a
// failure, 0 ended with success, 1 ended with failure; init containers before the bar,
// in capitals when they are sidecars.
func TestPhase(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		containers               string
		always, onFailure, never corev1.PodPhase
	}{
		{"|c", corev1.PodPending, corev1.PodPending, corev1.PodPending},
		{"|r", corev1.PodRunning, corev1.PodRunning, corev1.PodRunning},
		{"|rc", corev1.PodPending, corev1.PodPending, corev1.PodPending},
		{"|b", corev1.PodRunning, corev1.PodRunning, corev1.PodRunning},
		{"|0", corev1.PodRunning, corev1.PodSucceeded, corev1.PodSucceeded},
		{"|1", corev1.PodRunning, corev1.PodRunning, corev1.PodFailed},
		{"|01", corev1.PodRunning, corev1.PodRunning, corev1.PodFailed},
		{"|10", corev1.PodRunning, corev1.PodRunning, corev1.PodFailed},
		{"|r1", corev1.PodRunning, corev1.PodRunning, corev1.PodRunning},
		{"r|c", corev1.PodPending, corev1.PodPending, corev1.PodPending},
		{"b|c", corev1.PodPending, corev1.PodPending, corev1.PodPending},
		{"1|c", corev1.PodPending, corev1.PodPending, corev1.PodFailed},
		{"0|c", corev1.PodPending, corev1.PodPending, corev1.PodPending},
		{"0|r", corev1.PodRunning, corev1.PodRunning, corev1.PodRunning},
		{"C|c", corev1.PodPending, corev1.PodPending, corev1.PodPending},
		{"R|0", corev1.PodRunning, corev1.PodRunning, corev1.PodRunning},
		{"B|r", corev1.PodRunning, corev1.PodRunning, corev1.PodRunning},
	} {
		for policy, want := range map[corev1.RestartPolicy]corev1.PodPhase{
			corev1.RestartPolicyAlways: row.always, corev1.RestartPolicyOnFailure: row.onFailure, corev1.RestartPolicyNever: row.never,
		} {
			spec, initial, main := containers(row.containers)
			spec.RestartPolicy = policy
			if got := phase(spec, initial, main); got != want {
				t.Errorf("%s with %s: got %s, want %s", row.containers, policy, got, want)
			}
		}
	}
}

func containers(letters string) (spec *corev1.PodSpec, initial, main []corev1.ContainerStatus) {
	spec = &corev1.PodSpec{}
	to, statuses := &spec.InitContainers, &initial
	for i, letter := range letters {
		if letter == '|' {
			to, statuses = &spec.Containers, &main
			continue
		}
		c := corev1.Container{Name: string(rune('a' + i))}
		if letter >= 'A' && letter <= 'Z' {
			always := corev1.ContainerRestartPolicyAlways
			c.RestartPolicy = &always
			letter += 'a' - 'A'
		}
		s := corev1.ContainerStatus{Name: c.Name}
		switch letter {
		case 'c':
			s.State.Waiting = &corev1.ContainerStateWaiting{}
		case 'r':
			s.State.Running = &corev1.ContainerStateRunning{}
		case 'b':
			s.State.Waiting = &corev1.ContainerStateWaiting{}
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
		default:
			s.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: letter - '0'}
		}
		*to, *statuses = append(*to, c), append(*statuses, s)
	}
	return spec, initial, main
}

func TestPool(t *testing.T) {
	t.Parallel()
	p, err := newPool(netip.MustParsePrefix("10.64.0.0/30"))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := p.take()
	second, _ := p.take()
	if _, err = p.take(); err == nil || p.host.String() != "10.64.0.1" {
		t.Errorf("node %s, after two pods %v, want 10.64.0.1 and no address left", p.host, err)
	}
	p.give(first)
	third, err := p.take()
	if err != nil || third != first || second.String() != "10.64.0.3" {
		t.Errorf("got %s, %s and again %s, %v", first, second, third, err)
	}
	for _, wrong := range []netip.Prefix{{}, netip.MustParsePrefix("10.64.0.1/32")} {
		if _, err := newPool(wrong); err == nil {
			t.Errorf("a pool of %s: no error", wrong)
		}
	}
}

func TestNodeObject(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1"))
	w.until("web", "ready", ready)
	n, err := w.client.CoreV1().Nodes().Get(t.Context(), Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[corev1.ResourceName]string{"cpu": "64", "memory": "64Gi", "pods": "500"} {
		if got := n.Status.Allocatable[resource]; got.String() != want {
			t.Errorf("allocatable %s: %s, want %s", resource, got.String(), want)
		}
	}
	if c := n.Status.Conditions[len(n.Status.Conditions)-1]; c.Type != corev1.NodeReady || c.Status != corev1.ConditionTrue || c.Reason != "KubeletReady" {
		t.Errorf("got %+v", c)
	}
	leases := w.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	beats, err := leases.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer beats.Stop()
	if _, err := leases.Get(t.Context(), Name, metav1.GetOptions{}); err != nil {
		<-beats.ResultChan() // else the test's deadline
	}
}
