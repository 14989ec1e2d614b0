package kubernetes

import (
	"cmp"
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
)

// demand reports the permissions that this worker lacks in the cluster of s. One
// request for each namespace lists what it may do; single permissions are asked
// for only where that list is said to be incomplete, as with the authorizers of a
// cloud, and for what is in no namespace.
func (c *inspection) demand(ctx context.Context, s *session, needs permissions) error {
	for _, namespace := range append([]string{""}, needs.namespaces()...) {
		list := needs.in(namespace)
		if len(list) == 0 {
			continue
		}
		g := grants{partial: true}
		if namespace != "" {
			var err error
			if g, err = c.grants(ctx, s, namespace); err != nil {
				return err
			}
		}
		lacking := missing(g.rules, list)
		if g.partial {
			var err error
			if lacking, err = s.refused(ctx, lacking); err != nil {
				return err
			}
		}
		c.deny(ctx, s, namespace, lacking)
	}
	return nil
}

// grants returns what this worker may do in a namespace.
func (c *inspection) grants(ctx context.Context, s *session, namespace string) (grants, error) {
	at := place{s.c, namespace}
	if g, ok := c.granted[at]; ok {
		return g, nil
	}
	review := authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	if err := s.ask(ctx, "authorization.k8s.io", "SelfSubjectRulesReview", &review); err != nil {
		return grants{}, err
	}
	g := grants{rules: review.Status.ResourceRules, partial: review.Status.Incomplete || review.Status.EvaluationError != ""}
	c.granted[at] = g
	return g, nil
}

// refused returns those of list that the API server refuses when it is asked for each.
func (s *session) refused(ctx context.Context, list []permission) ([]permission, error) {
	var out []permission
	for _, n := range list {
		review := authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: n.namespace, Verb: n.verb, Group: n.group, Resource: n.resource, Name: n.name,
			},
		}}
		if err := s.ask(ctx, "authorization.k8s.io", "SelfSubjectAccessReview", &review); err != nil {
			return nil, err
		}
		if !review.Status.Allowed {
			out = append(out, n)
		}
	}
	return out, nil
}

// deny reports what is lacking in a namespace.
func (c *inspection) deny(ctx context.Context, s *session, namespace string, lacking []permission) {
	if len(lacking) == 0 {
		return
	}
	c.denied = true
	path := "Cluster"
	if namespace != "" {
		path = "Namespace/" + namespace
	}
	for _, text := range denials(s.identity(ctx), namespace, lacking) {
		c.found = append(c.found, rollout.Problem{Path: path, Text: text})
	}
}

// identity is what the cluster calls this worker.
func (s *session) identity(ctx context.Context) string {
	var review selfReview
	if err := s.ask(ctx, "authentication.k8s.io", "SelfSubjectReview", &review); err != nil {
		return "this worker" // an API server that does not tell is no reason to stop
	}
	return cmp.Or(review.Status.UserInfo.Username, "this worker")
}

// selfReview is the part of a SelfSubjectReview that is used.
type selfReview struct {
	Status struct {
		UserInfo struct {
			Username string `json:"username"`
		} `json:"userInfo"`
	} `json:"status"`
}

// ask creates a review and reads its answer into the same value. Nothing is stored.
func (s *session) ask(ctx context.Context, group, kind string, review any) error {
	resource := map[string]string{
		"SelfSubjectRulesReview": "selfsubjectrulesreviews", "SelfSubjectAccessReview": "selfsubjectaccessreviews",
		"SelfSubjectReview": "selfsubjectreviews",
	}[kind]
	on := ref{gvk: builtin(group, "v1", kind), name: "self"}
	fields, err := toFields(review)
	if err != nil {
		return s.failOn(on, rollout.Invalid, err)
	}
	o := &unstructured.Unstructured{Object: fields}
	o.SetGroupVersionKind(on.gvk)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := s.c.dyn.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}).Create(ctx, o, metav1.CreateOptions{})
	if err != nil {
		return s.typed(on, err)
	}
	return s.typed(on, convert(answer, review))
}
