package kubernetes

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/serin-dev/serin/rollout"
)

// podSite is what a split by pods will meet: the live original and Service, nil where they
// do not exist, the canary Deployment that will be applied, and whether an autoscaler
// scales the original.
type podSite struct {
	original, service, canary *unstructured.Unstructured
	scaled                    bool
}

// podProblems returns what would make a split by pods fail, of what is there already.
func podProblems(k rollout.Kubernetes, at podSite) []rollout.Problem {
	if at.original == nil || at.service == nil {
		return nil // there is nothing to split yet
	}
	var found []rollout.Problem
	add := func(o *unstructured.Unstructured, format string, args ...any) {
		found = append(found, rollout.Problem{Path: refOf(o).String(), Text: fmt.Sprintf(format, args...)})
	}
	if at.scaled && k.Pods.Constant {
		add(at.original, "an autoscaler scales it, and would undo what disablePodOverprovisioning takes from it: use one of both")
	}
	if replicasOf(at.original) == 0 && !k.Pods.Constant { // with a constant total an earlier rollout may have left it none
		add(at.original, "it has no pods, so no number of canary pods is a share of them: scale it up, or let nothing serve yet")
	}
	if !selects(serviceSelector(at.service), templateLabels(at.original)) {
		add(at.service, "it does not select the pods of deployment %s", k.Deployment)
	}
	if at.canary != nil {
		if _, err := narrowing(at.service, k.SelectorLabel, templateLabels(at.canary)); err != nil {
			add(at.service, "%v", err)
		}
	}
	return found
}

// strangers returns the names of pods that svc would select too once it is narrowed,
// though they are of neither Deployment: they would get its requests.
func (s *session) strangers(ctx context.Context, svc, canary *unstructured.Unstructured) ([]string, error) {
	old := serviceSelector(svc)
	value, ok := old[s.k.SelectorLabel]
	if !ok || selects(old, templateLabels(canary)) {
		return nil, nil
	}
	pods, err := s.pods(ctx, labels.SelectorFromSet(labels.Set{s.k.SelectorLabel: value}))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, p := range pods {
		if !gone(p) && !selects(old, p.Labels) && !madeFor(p, s.k.Deployment) && !madeFor(p, canaryOf(s.k.Deployment)) {
			found = append(found, p.Name)
		}
	}
	return found, nil
}

// madeFor reports whether p is of a ReplicaSet of this Deployment.
func madeFor(p *corev1.Pod, deployment string) bool {
	hash := p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	return hash != "" && replicaSetOf(p) == deployment+"-"+hash
}

// strangersText says what is wrong with a Service that would select these pods too.
func strangersText(label string, pods []string) string {
	const most = 3
	more := ""
	if len(pods) > most {
		more = fmt.Sprintf(" and %d more", len(pods)-most)
		pods = pods[:most]
	}
	return fmt.Sprintf("to select the canary it would be narrowed to the label %s, which other pods have too (%s%s): give the service a selector that the canary's pods match", label, strings.Join(pods, ", "), more)
}
