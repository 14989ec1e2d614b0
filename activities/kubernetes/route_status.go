package kubernetes

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// routeStatus is the part of a route's status that says what became of it.
type routeStatus struct {
	Parents []routeParent `json:"parents"`
}

// routeParent is what one gateway, or one mesh, says of a route.
type routeParent struct {
	ParentRef struct {
		Kind        string `json:"kind"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		SectionName string `json:"sectionName"`
	} `json:"parentRef"`
	Conditions []metav1.Condition `json:"conditions"`
}

// String reads "Gateway infra/web (section https)".
func (p routeParent) String() string {
	r := p.ParentRef
	text := cmp.Or(r.Kind, "Gateway") + " "
	if r.Namespace != "" {
		text += r.Namespace + "/"
	}
	text += r.Name
	if r.SectionName != "" {
		text += " (section " + r.SectionName + ")"
	}
	return text
}

// unsettled says why the data plane may not do what o asks for, "" if every parent
// has accepted this generation of o and knows all its backends. A status without
// any parent has not been written yet.
func unsettled(o *unstructured.Unstructured) string {
	on := o.GetKind() + " " + o.GetName()
	var st routeStatus
	if fields, ok := o.Object["status"].(map[string]any); ok {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &st); err != nil {
			return fmt.Sprintf("the status of %s is not readable: %v", on, err)
		}
	}
	if len(st.Parents) == 0 {
		return fmt.Sprintf("no gateway says anything of %s yet: does a controller serve its parentRefs?", on)
	}
	for _, p := range st.Parents {
		for _, kind := range []string{"Accepted", "ResolvedRefs"} {
			if why := p.lacks(kind, o.GetGeneration()); why != "" {
				return on + ": " + why
			}
		}
		// Some rules are not served, or older ones are: nobody says which.
		if c := p.condition("PartiallyInvalid"); c != nil && c.Status == metav1.ConditionTrue {
			return fmt.Sprintf("%s: %s serves it only in part: %s", on, p, reasonOf(c))
		}
	}
	return ""
}

func (p routeParent) condition(kind string) *metav1.Condition {
	for i := range p.Conditions {
		if p.Conditions[i].Type == kind {
			return &p.Conditions[i]
		}
	}
	return nil
}

// lacks says why a condition of p does not hold for the generation, "" if it does.
func (p routeParent) lacks(kind string, generation int64) string {
	c := p.condition(kind)
	switch {
	case c == nil:
		return fmt.Sprintf("%s has not set the condition %s", p, kind)
	case c.ObservedGeneration < generation:
		return fmt.Sprintf("%s has not seen generation %d, %s is of generation %d", p, generation, kind, c.ObservedGeneration)
	case c.Status == metav1.ConditionTrue:
		return ""
	case kind == "Accepted" && c.Status == metav1.ConditionFalse && c.Reason != "Pending":
		return fmt.Sprintf("%s rejects it: %s", p, reasonOf(c))
	}
	return fmt.Sprintf("%s says %s is %s: %s", p, kind, c.Status, reasonOf(c))
}

// reasonOf is a condition's own word and message.
func reasonOf(c *metav1.Condition) string {
	return strings.TrimSuffix(c.Reason+": "+brief(c.Message), ": ")
}

// lastWriter returns the field manager that wrote the field at path, or one below
// it, last in any of list, and when; "" if managedFields do not say. Times there
// are whole seconds: of several in the last one, anybody but this package is
// named, so that a change by others is never taken for ours.
func lastWriter(list []*unstructured.Unstructured, path ...string) (by string, at time.Time) {
	for _, o := range list {
		for _, e := range o.GetManagedFields() {
			if e.Subresource != "" || e.Time == nil || !holds(e.FieldsV1, path) {
				continue
			}
			newer, same := e.Time.After(at), e.Time.Time.Equal(at)
			if newer || same && (by == fieldManager || e.Manager != fieldManager && e.Manager < by) {
				by, at = e.Manager, e.Time.Time
			}
		}
	}
	return by, at
}

// holds reports whether the field at path, or one below it, is in fields.
func holds(fields *metav1.FieldsV1, path []string) bool {
	if fields == nil {
		return false
	}
	raw := json.RawMessage(fields.GetRawBytes())
	for _, name := range path {
		var level map[string]json.RawMessage
		if json.Unmarshal(raw, &level) != nil {
			return false
		}
		var ok bool
		if raw, ok = level["f:"+name]; !ok {
			return false
		}
	}
	return true
}
