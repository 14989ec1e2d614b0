package kubernetes

import (
	"bufio"
	"bytes"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

type runtimeObject = runtime.Object

func newReader(content []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(content)) }

// rank orders objects by what they need: what a kind refers to comes before it.
// Custom resources come after what this list names, before the workloads.
func rank(o *unstructured.Unstructured) int {
	const custom = 6
	ranks := map[string]int{
		"Namespace":                0,
		"CustomResourceDefinition": 1, "PriorityClass": 1, "StorageClass": 1, "IngressClass": 1, "GatewayClass": 1,
		"ResourceQuota": 2, "LimitRange": 2, "ServiceAccount": 2, "Secret": 2, "ConfigMap": 2,
		"PersistentVolume": 2, "PersistentVolumeClaim": 2,
		"ClusterRole": 3, "Role": 3,
		"ClusterRoleBinding": 4, "RoleBinding": 4,
		"NetworkPolicy": 5, "Service": 5, "Endpoints": 5, "EndpointSlice": 5,
		"ReplicaSet": 8, "StatefulSet": 8, "DaemonSet": 8, "Deployment": 8, "ReplicationController": 8,
		"HorizontalPodAutoscaler": 9, "PodDisruptionBudget": 7,
		"Job": 10, "CronJob": 10, "Pod": 10,
		"Ingress": 11, "HTTPRoute": 11, "GRPCRoute": 11,
		"MutatingWebhookConfiguration": 12, "ValidatingWebhookConfiguration": 12, "APIService": 12,
	}
	if r, ok := ranks[o.GetKind()]; ok {
		return r
	}
	return custom
}
