package node

import (
	"context"
	"fmt"
	goruntime "runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/version"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/utils/clock"
)

// How often and for how long the node says that it lives, as a kubelet does.
const (
	leaseDuration = 40 * time.Second
	leaseRenewal  = 10 * time.Second
)

// retryDelay lies between two attempts at a write that the API server did not take.
const retryDelay = 200 * time.Millisecond

// register makes the Node, or takes over the one of an earlier life. It tries until
// ctx ends, and that is its only error.
func (n *node) register(ctx context.Context) error {
	for {
		err := n.write(ctx)
		if err == nil {
			return nil
		}
		_, _ = fmt.Fprintln(&lines{output: n.output, prefix: Name}, fmt.Errorf("register: %w", err))
		if err := pause(ctx, retryDelay); err != nil {
			return err
		}
	}
}

func (n *node) write(ctx context.Context) error {
	nodes := n.client.CoreV1().Nodes()
	object := n.object()
	_, err := nodes.Create(ctx, object, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	existing, err := nodes.Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	existing.Status = object.Status
	_, err = nodes.UpdateStatus(ctx, existing, metav1.UpdateOptions{})
	return err
}

// heartbeat renews the node's Lease until ctx ends. Status has nothing new to say.
func (n *node) heartbeat(ctx context.Context) {
	lease.NewController(clock.RealClock{}, n.client, Name, int32(leaseDuration.Seconds()), nil,
		leaseRenewal, Name, corev1.NamespaceNodeLease, nil).Run(ctx)
}

func (n *node) object() *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("64Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("256Gi"),
		corev1.ResourcePods:             resource.MustParse("500"),
	}
	now := metav1.Now()
	condition := func(t corev1.NodeConditionType, s corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: t, Status: s, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: map[string]string{
			corev1.LabelHostname:   Name,
			corev1.LabelOSStable:   goruntime.GOOS,
			corev1.LabelArchStable: goruntime.GOARCH,
		}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: n.addresses.host.String()},
				{Type: corev1.NodeHostName, Address: Name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: logPort}},
			Conditions: []corev1.NodeCondition{
				condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
				condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
				condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
				condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"),
			},
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: goruntime.GOOS, Architecture: goruntime.GOARCH, OSImage: "processes of one Go program",
				KubeletVersion: version.Get().GitVersion, ContainerRuntimeVersion: "process://" + goruntime.Version(),
			},
		},
	}
}

// pause returns nil after d, or why ctx ended before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
