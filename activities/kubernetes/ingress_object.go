package kubernetes

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// annotationClass names an Ingress's class where spec.ingressClassName does not.
const annotationClass = "kubernetes.io/ingress.class"

// canaryAnnotation is a name with which the controller splits, such as
// nginx.ingress.kubernetes.io/canary-weight.
func canaryAnnotation(in *rollout.Ingress, suffix string) string {
	return in.Prefix + "/canary" + suffix
}

// canaryIngress returns the Ingress that splits the requests which the original
// sends to service: its class and TLS, those of its paths that have the service as backend, now with
// the canary's, and the annotations by which the controller treats these
// requests. It is owned by the canary Service and goes with it.
//
// The controller matches canary and original by host and path, and takes a canary
// without a counterpart, or of another class, for a host of its own.
func canaryIngress(original, owner *unstructured.Unstructured, in *rollout.Ingress, service string) (*unstructured.Unstructured, error) {
	spec := map[string]any{}
	for _, field := range []string{"ingressClassName", "tls"} {
		if v, ok, _ := unstructured.NestedFieldCopy(original.Object, "spec", field); ok {
			spec[field] = v
		}
	}
	found := false
	if b, ok, _ := unstructured.NestedMap(original.Object, "spec", "defaultBackend"); ok && toCanary(b, service) {
		spec["defaultBackend"], found = b, true
	}
	if rules := canaryRules(original, service); len(rules) > 0 {
		spec["rules"], found = rules, true
	}
	if !found {
		return nil, fmt.Errorf("no path of ingress %s has service %s as its backend", original.GetName(), service)
	}
	o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	o.SetGroupVersionKind(kindIngress())
	o.SetNamespace(original.GetNamespace())
	o.SetName(canaryOf(original.GetName()))
	o.SetAnnotations(inherited(original, in))
	own(o, owner)
	return o, nil
}

// canaryRules returns the original's rules, with only the paths that lead to service.
func canaryRules(original *unstructured.Unstructured, service string) []any {
	all, _, _ := unstructured.NestedSlice(original.Object, "spec", "rules")
	var rules []any
	for _, r := range all {
		rule, ok := r.(map[string]any)
		if !ok {
			continue
		}
		all, _, _ := unstructured.NestedSlice(rule, "http", "paths")
		paths := slices.DeleteFunc(all, func(p any) bool {
			path, _ := p.(map[string]any)
			backend, _ := path["backend"].(map[string]any)
			return !toCanary(backend, service)
		})
		if len(paths) > 0 {
			rule["http"] = map[string]any{"paths": paths}
			rules = append(rules, rule)
		}
	}
	return rules
}

// toCanary gives backend the canary's Service in place of service, and reports whether it had that.
func toCanary(backend map[string]any, service string) bool {
	s, _ := backend["service"].(map[string]any)
	if s["name"] != service {
		return false
	}
	s["name"] = canaryOf(service)
	return true
}

// inherited returns the annotations of o that say how its requests are treated: all of
// the controller's but those that split, and the class.
func inherited(o *unstructured.Unstructured, in *rollout.Ingress) map[string]string {
	out := map[string]string{}
	for k, v := range o.GetAnnotations() {
		treats := strings.HasPrefix(k, in.Prefix+"/") && !splits(k, in)
		if treats || k == annotationClass {
			out[k] = v
		}
	}
	return out
}

// splits reports whether an annotation is one with which the controller splits.
func splits(annotation string, in *rollout.Ingress) bool {
	return annotation == canaryAnnotation(in, "") || strings.HasPrefix(annotation, canaryAnnotation(in, "-"))
}

// quietIngress returns live without what else it had: it gets no requests. It does not need
// the original, which may be gone.
func quietIngress(live *unstructured.Unstructured, in *rollout.Ingress) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetGroupVersionKind(kindIngress())
	o.SetNamespace(live.GetNamespace())
	o.SetName(live.GetName())
	o.SetAnnotations(inherited(live, in))
	if owners := live.GetOwnerReferences(); len(owners) > 0 {
		o.SetOwnerReferences(owners)
	}
	if spec, ok, _ := unstructured.NestedMap(live.Object, "spec"); ok {
		o.Object["spec"] = spec
	}
	return withWeight(o, in, 0)
}

// withWeight gives the canary Ingress o a share of the requests.
func withWeight(o *unstructured.Unstructured, in *rollout.Ingress, p rollout.Weight) *unstructured.Unstructured {
	all := o.GetAnnotations()
	all[canaryAnnotation(in, "")] = "true"
	all[canaryAnnotation(in, "-weight")] = strconv.Itoa(int(p))
	o.SetAnnotations(all)
	return o
}

// withMatch gives the canary Ingress o the requests that a header or a cookie sends to the
// canary, whatever its weight.
func withMatch(o *unstructured.Unstructured, in *rollout.Ingress) *unstructured.Unstructured {
	all := o.GetAnnotations()
	for suffix, value := range map[string]string{
		"-by-header": in.Header, "-by-header-value": in.HeaderValue, "-by-header-pattern": in.HeaderPattern, "-by-cookie": in.Cookie,
	} {
		if value != "" {
			all[canaryAnnotation(in, suffix)] = value
		}
	}
	o.SetAnnotations(all)
	return o
}

// ingressWeight returns the share that the canary Ingress o has, 0 for nil, and what a
// person should know of it.
func ingressWeight(o *unstructured.Unstructured, in *rollout.Ingress) (rollout.Weight, string) {
	if o == nil {
		return 0, ""
	}
	all := o.GetAnnotations()
	if all[canaryAnnotation(in, "")] != "true" {
		return 0, fmt.Sprintf("ingress %s has no annotation %s: \"true\", so it is no canary", o.GetName(), canaryAnnotation(in, ""))
	}
	weight, total := all[canaryAnnotation(in, "-weight")], all[canaryAnnotation(in, "-weight-total")]
	if weight == "" {
		return 0, ""
	}
	n, err := strconv.Atoi(weight)
	whole := 100
	if err == nil && total != "" {
		whole, err = strconv.Atoi(total)
	}
	if err != nil || n < 0 || n > whole || whole <= 0 {
		return 0, fmt.Sprintf("ingress %s has the weight %q of %q, which is no share", o.GetName(), weight, total)
	}
	return rollout.Weight(math.Round(100 * float64(n) / float64(whole))), ""
}

// routesRequests reports whether the canary Ingress o sends anything to the canary: by
// weight, or by a header or cookie.
func routesRequests(o *unstructured.Unstructured, in *rollout.Ingress) bool {
	p, _ := ingressWeight(o, in)
	by := canaryAnnotation(in, "-by-")
	for k := range o.GetAnnotations() {
		if strings.HasPrefix(k, by) {
			return true
		}
	}
	return p > 0
}
