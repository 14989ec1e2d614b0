package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
)

// inspection collects what would make a rollout fail. It writes nothing.
type inspection struct {
	s       *session
	objects []*unstructured.Unstructured // of the manifests, each content once

	original *unstructured.Unstructured // the live Deployment; nil: nothing serves yet
	service  *unstructured.Unstructured // the live Service
	canary   *unstructured.Unstructured // the manifest's Deployment that becomes the canary

	strange map[schema.GroupVersionKind]bool // kinds that the cluster does not have
	granted map[place]grants                 // once asked for
	denied  bool                             // a permission is missing, and the report says which
	found   []rollout.Problem
}

// place is a namespace of a cluster.
type place struct {
	cluster   *cluster
	namespace string
}

// grants is what this worker may do in a place.
type grants struct {
	rules   []authorizationv1.ResourceRule
	partial bool // there is an authorizer that cannot list its rules
}

// check finds everything that would make the rollout fail, in one report: names,
// kinds, permissions, owners, selectors, routes, autoscalers, and what the API
// server says of each object in a dry run.
func (s *session) check(ctx context.Context) ([]rollout.Problem, error) {
	c := &inspection{s: s, strange: map[schema.GroupVersionKind]bool{}, granted: map[place]grants{}}
	if err := c.load(ctx); err != nil {
		return c.report(err)
	}
	for _, look := range []func(context.Context) error{
		c.checkKinds, c.checkAccess, c.checkOwners, c.checkOriginal, c.checkDeployments, c.checkSplit, c.checkScalers, c.checkTwin, c.rehearse,
	} {
		if err := c.keep(look(ctx)); err != nil {
			return nil, err
		}
	}
	return c.report(nil)
}

// load reads the manifests. All phases of a plan may share objects, and a first phase
// has those of the canary only.
func (c *inspection) load(ctx context.Context) error {
	var digests []string
	for _, d := range append([]string{c.s.w.Manifest}, c.s.w.Manifests...) {
		if d != "" && !slices.Contains(digests, d) {
			digests = append(digests, d)
		}
	}
	for _, d := range digests {
		list, err := c.s.manifest(ctx, d)
		if err != nil {
			return err
		}
		for _, o := range list {
			if !slices.ContainsFunc(c.objects, func(have *unstructured.Unstructured) bool { return reflect.DeepEqual(have.Object, o.Object) }) {
				c.objects = append(c.objects, o)
			}
		}
	}
	return nil
}

// add notes a problem with an object.
func (c *inspection) add(r ref, format string, args ...any) {
	c.found = append(c.found, rollout.Problem{Path: c.path(r), Text: fmt.Sprintf(format, args...)})
}

// path reads "Deployment/shop", with the namespace where it is not the rollout's own.
func (c *inspection) path(r ref) string {
	path := r.gvk.Kind + "/" + r.name
	if r.namespace != "" && r.namespace != c.s.ns {
		path += " in " + r.namespace
	}
	return path
}

// keep turns an error that stays into a problem, and returns every other. What may not
// be read for lack of a permission is in the report already.
func (c *inspection) keep(err error) error {
	var e *rollout.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case rollout.Denied:
		if c.denied {
			return nil
		}
	case rollout.Invalid, rollout.NotFound, rollout.Conflict, rollout.Failed, rollout.Corrupt, rollout.Unsupported:
	default:
		return err
	}
	text := e.Err.Error()
	if e.Fix != "" {
		text += " (" + e.Fix + ")"
	}
	c.found = append(c.found, rollout.Problem{Path: cmp.Or(e.On, c.s.w.Target.Name), Text: text})
	return nil
}

// report returns the problems in a fixed order, each once.
func (c *inspection) report(err error) ([]rollout.Problem, error) {
	if err = c.keep(err); err != nil {
		return nil, err
	}
	slices.SortFunc(c.found, func(a, b rollout.Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(c.found), nil
}

// named returns the objects of the manifests that r names.
func (c *inspection) named(r ref) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range c.objects {
		if have := refOf(o); have.gvk.GroupKind() == r.gvk.GroupKind() && have.namespace == r.namespace && have.name == r.name {
			out = append(out, o)
		}
	}
	return out
}
