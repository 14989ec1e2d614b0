package gateway

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	typed "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/typed/apis/v1"
)

// writer writes the statuses of a configuration.
type writer struct {
	api typed.GatewayV1Interface
	now func() time.Time
}

// write writes each status that is not as c has it already. Objects that c does not know, because they are newer, are
// left alone. Every status is tried; the error holds all that could not be written.
func (w *writer) write(ctx context.Context, o Objects, c Config) error {
	var errs []error
	opts := metav1.UpdateOptions{}
	for _, old := range o.Classes {
		if conditions, ok := c.Classes[old.UID]; ok {
			object := old.DeepCopy()
			object.Status.Conditions = w.merge(old.Status.Conditions, conditions)
			errs = append(errs, put(ctx, old.Status, object.Status, func() error { return drop(w.api.GatewayClasses().UpdateStatus(ctx, object, opts)) }))
		}
	}
	for _, old := range o.Gateways {
		if status, ok := c.Gateways[old.UID]; ok {
			object := old.DeepCopy()
			object.Status = w.gateway(old.Status, status)
			errs = append(errs, put(ctx, old.Status, object.Status, func() error { return drop(w.api.Gateways(old.Namespace).UpdateStatus(ctx, object, opts)) }))
		}
	}
	for _, old := range o.HTTPRoutes {
		if parents, ok := c.Routes[old.UID]; ok {
			object := old.DeepCopy()
			object.Status.Parents = w.parents(old.Status.Parents, parents)
			errs = append(errs, put(ctx, old.Status, object.Status, func() error { return drop(w.api.HTTPRoutes(old.Namespace).UpdateStatus(ctx, object, opts)) }))
		}
	}
	for _, old := range o.GRPCRoutes {
		if parents, ok := c.Routes[old.UID]; ok {
			object := old.DeepCopy()
			object.Status.Parents = w.parents(old.Status.Parents, parents)
			errs = append(errs, put(ctx, old.Status, object.Status, func() error { return drop(w.api.GRPCRoutes(old.Namespace).UpdateStatus(ctx, object, opts)) }))
		}
	}
	return errors.Join(errs...)
}

// put updates a status unless it is as it should be. An object that is gone needs none.
func put[T any](ctx context.Context, old, wanted T, update func() error) error {
	if equality.Semantic.DeepEqual(old, wanted) || ctx.Err() != nil {
		return nil
	}
	if err := update(); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}

func drop[T any](_ T, err error) error { return err }

// parents keeps the entries of other controllers and replaces ours.
func (w *writer) parents(old, ours []gatewayv1.RouteParentStatus) []gatewayv1.RouteParentStatus {
	merged := []gatewayv1.RouteParentStatus{}
	for _, p := range old {
		if p.ControllerName != Controller {
			merged = append(merged, p)
		}
	}
	for _, p := range ours {
		i := slices.IndexFunc(old, func(o gatewayv1.RouteParentStatus) bool {
			return o.ControllerName == Controller && equality.Semantic.DeepEqual(o.ParentRef, p.ParentRef)
		})
		var before []metav1.Condition
		if i >= 0 {
			before = old[i].Conditions
		}
		p.Conditions = w.merge(before, p.Conditions)
		merged = append(merged, p)
	}
	return merged
}

func (w *writer) gateway(old, status gatewayv1.GatewayStatus) gatewayv1.GatewayStatus {
	status.Conditions = w.merge(old.Conditions, status.Conditions)
	status.Listeners = slices.Clone(status.Listeners)
	for i := range status.Listeners {
		l := &status.Listeners[i]
		var before []metav1.Condition
		for _, o := range old.Listeners {
			if o.Name == l.Name {
				before = o.Conditions
			}
		}
		l.Conditions = w.merge(before, l.Conditions)
	}
	return status
}

// merge gives the conditions their transition times: that of before where the status stays, else now.
func (w *writer) merge(before, conditions []metav1.Condition) []metav1.Condition {
	merged := slices.Clone(conditions)
	for i := range merged {
		c := &merged[i]
		c.LastTransitionTime = metav1.NewTime(w.now().Truncate(time.Second))
		for _, b := range before {
			if b.Type == c.Type && b.Status == c.Status {
				c.LastTransitionTime = b.LastTransitionTime
			}
		}
	}
	return merged
}
