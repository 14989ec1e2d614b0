package kubernetes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkOwners finds live objects that another pipeline has stamped, among all that the
// rollout would write.
func (c *inspection) checkOwners(ctx context.Context) error {
	all := c.s.planned()
	for _, r := range c.s.planned() {
		r.name = canaryOf(r.name)
		all = append(all, r)
	}
	for _, o := range c.objects {
		all = append(all, refOf(o))
	}
	seen := map[ref]bool{}
	for _, r := range all {
		if seen[r] || c.strange[r.gvk] {
			continue
		}
		seen[r] = true
		live, err := c.s.get(ctx, r)
		if err != nil {
			return err
		}
		if text := c.s.foreign(live); text != "" {
			c.add(r, "%s", text)
		}
	}
	return nil
}

// foreign says whose a live object is if another pipeline has stamped it, else "". nil
// is nobody's.
func (s *session) foreign(live *unstructured.Unstructured) string {
	if live == nil {
		return ""
	}
	owner, by := live.GetAnnotations()[annotationPipeline], live.GetAnnotations()[annotationRollout]
	if owner == "" || owner == s.w.Pipeline {
		return ""
	}
	return fmt.Sprintf("it belongs to pipeline %s, whose rollout %s wrote it last: rename it in one of both, or remove its annotation %s if %s no longer deploys it",
		owner, by, annotationPipeline, owner)
}

// missingText is what Cloud Deploy calls it when a canary phase finds no original.
const missingText = "it does not exist in %s, and a canary phase does not make it: apply it first (MISSING_RESOURCES_FOR_CANARY)"

// checkOriginal looks at the live Deployment and its Service. Where neither serves yet,
// the stable phase makes them.
func (c *inspection) checkOriginal(ctx context.Context) error {
	if !c.s.k.Canary() {
		return c.checkAnchor(ctx)
	}
	d, svc := c.s.deploymentRef(c.s.k.Deployment), c.s.serviceRef(c.s.k.Service)
	canary := c.s.deploymentRef(canaryOf(c.s.k.Deployment))
	for _, o := range c.named(canary) {
		c.canary = o
	}
	var err error
	if c.original, err = c.s.get(ctx, d); err != nil {
		return err
	}
	if c.service, err = c.s.get(ctx, svc); err != nil {
		return err
	}
	if text := c.unknownStable(); text != "" {
		c.add(d, "%s", text)
	}
	switch {
	case c.original == nil:
	case c.service == nil:
		c.add(svc, missingText, c.s.ns)
	case c.s.k.Pods == nil:
		c.checkSelectors(d, svc)
	}
	return nil
}

// unknownStable says why the revision that is recorded as stable is not there, "" if it
// is or none is recorded.
func (c *inspection) unknownStable() string {
	stable := c.s.w.Stable
	switch {
	case stable == "":
		return ""
	case c.original == nil:
		return fmt.Sprintf("it does not exist, but %s is recorded as its stable revision", stable)
	case revisionOf(c.original) != stable:
		return fmt.Sprintf("it runs revision %s, but %s is recorded as its stable one: deploy that again, or let a rollout accept what runs",
			revisionOf(c.original), stable)
	}
	return ""
}

// checkAnchor holds a rollout without a named Deployment to the revision that is
// recorded as stable.
func (c *inspection) checkAnchor(ctx context.Context) error {
	if c.s.w.Stable == "" {
		return nil
	}
	a, err := c.s.anchor(ctx)
	switch {
	case err != nil:
		return err
	case a.live == nil:
		c.add(a.ref, "it does not exist, but %s is recorded as its stable revision", c.s.w.Stable)
	case a.split().Of(c.s.w.Stable) == 0:
		c.add(a.ref, "it runs %s, but %s is recorded as its stable revision: deploy that again, or let a rollout accept what runs", a.split(), c.s.w.Stable)
	}
	return nil
}

// checkSelectors holds the Service to what a split by its name needs: all pods of the
// original, and none of the canary.
func (c *inspection) checkSelectors(d, svc ref) {
	selector := serviceSelector(c.service)
	if n := replicasOf(c.original); n == 0 {
		c.add(d, "it is scaled to 0, so nothing serves beside a canary: kubectl scale -n %s deployment/%s --replicas=1, or delete it", c.s.ns, d.name)
	}
	if labels := templateLabels(c.original); !selects(selector, labels) {
		c.add(svc, "it selects %s, but the pods of deployment %s have %s: give it labels that they have", labelText(selector), d.name, labelText(labels))
	}
	for _, o := range c.named(svc) {
		if next := serviceSelector(o); !selects(next, templateLabels(c.original)) {
			c.add(svc, "its manifest selects %s, which the pods that serve now do not have, so in stable nothing would answer until new ones are ready: leave out the label that changes",
				labelText(next))
		}
	}
	if c.canary != nil && selects(selector, templateLabels(c.canary)) {
		c.add(svc, "it selects %s, which the pods of deployment %s have too: add the label %s to its selector, so that it selects the original's only",
			labelText(selector), c.canary.GetName(), c.s.k.SelectorLabel)
	}
}

// labelText reads "app=shop, tier=web".
func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return "nothing"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ", ")
}

// checkDeployments looks for what keeps a Deployment from ever being rolled out, live and
// in the manifests.
func (c *inspection) checkDeployments(context.Context) error {
	if c.original != nil {
		if paused, _, _ := unstructured.NestedBool(c.original.Object, "spec", "paused"); paused {
			c.add(refOf(c.original), "it is paused, so its pods would never change: kubectl rollout resume -n %s deployment/%s", c.s.ns, c.original.GetName())
		}
	}
	for _, o := range c.objects {
		if o.GroupVersionKind() != kindDeployment() {
			continue
		}
		d := &appsv1.Deployment{}
		if err := convert(o, d); err != nil {
			c.add(refOf(o), "it is no Deployment: %v", err)
			continue
		}
		if text := neverReady(d); text != "" {
			c.add(refOf(o), "%s", text)
		}
	}
	return nil
}

// neverReady says why the Deployment of a manifest can never be rolled out in time,
// "" if it can.
func neverReady(d *appsv1.Deployment) string {
	if d.Spec.Paused {
		return "spec.paused is true: a paused Deployment rolls nothing out"
	}
	const byDefault = 600 // seconds
	deadline := int32(byDefault)
	if d.Spec.ProgressDeadlineSeconds != nil {
		deadline = *d.Spec.ProgressDeadlineSeconds
	}
	for _, ctr := range d.Spec.Template.Spec.Containers {
		if need := firstReady(ctr) + d.Spec.MinReadySeconds; need >= deadline {
			return fmt.Sprintf("container %s needs at least %d s to be ready (probe delays and minReadySeconds), but progressDeadlineSeconds is %d: raise it",
				ctr.Name, need, deadline)
		}
	}
	return ""
}

// firstReady is how many seconds after its start a container can be ready at the earliest.
func firstReady(c corev1.Container) int32 {
	var startup, readiness int32
	if p := c.StartupProbe; p != nil {
		startup = p.InitialDelaySeconds
	}
	if p := c.ReadinessProbe; p != nil {
		readiness = p.InitialDelaySeconds
		if p.SuccessThreshold > 1 {
			readiness += (p.SuccessThreshold - 1) * max(p.PeriodSeconds, 1)
		}
	}
	return max(startup, readiness)
}

// checkScalers refuses autoscalers that would work against the rollout.
func (c *inspection) checkScalers(ctx context.Context) error {
	if !c.s.k.Canary() || c.original == nil {
		return nil
	}
	live, err := c.s.scalers(ctx, c.s.k.Deployment)
	if err != nil {
		return err
	}
	needs := permissions{}
	for _, hpa := range live {
		if name := scaledObject(hpa); name != "" {
			c.add(refOf(hpa), "KEDA's ScaledObject %s owns it and undoes every change of its bounds, so a rollout cannot keep the original at its size: "+
				"delete it for the rollout, or scale the Deployment by an autoscaler of your own", name)
		}
		if len(live) > 1 {
			c.add(refOf(hpa), "%d autoscalers scale deployment %s, each against the others: keep one", len(live), c.s.k.Deployment)
		}
		needs.add(scalers(), hpa.GetNamespace(), hpa.GetName(), "patch")
	}
	return c.demand(ctx, c.s, needs)
}
