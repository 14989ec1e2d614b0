package kubernetes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fields is a set of fields as managedFields have it: "f:NAME" is a field of a map,
// "k:{...}" an item of a list with keys, "v:..." one of a set.
type fields map[string]any

// appliedFields returns what our last apply has said of o; not ok if there was none.
func appliedFields(o *unstructured.Unstructured) (fields, bool) {
	for _, e := range o.GetManagedFields() {
		if e.Manager != fieldManager || e.Operation != metav1.ManagedFieldsOperationApply || e.Subresource != "" || e.FieldsV1 == nil {
			continue
		}
		var f fields
		if json.Unmarshal(e.FieldsV1.GetRawBytes(), &f) != nil || e.APIVersion != o.GetAPIVersion() {
			return nil, false
		}
		return f, true
	}
	return nil, false
}

func (f fields) child(key string) fields {
	c, _ := f[key].(map[string]any)
	return c
}

func (f fields) has(path ...string) bool {
	for _, name := range path {
		if _, ok := f["f:"+name]; !ok {
			return false
		}
		f = f.child("f:" + name)
	}
	return true
}

// upToDate reports whether applying want to live would change nothing: live has all
// that want says, and our last apply has said no more. In doubt it would.
func upToDate(live, want *unstructured.Unstructured) bool {
	if hasManager(live, managerKubectl) {
		return false
	}
	owned, ok := appliedFields(live)
	return ok && covers(live.Object, desired(want)) && sameFields(owned, desired(want))
}

func hasManager(o *unstructured.Unstructured, manager string) bool {
	for _, e := range o.GetManagedFields() {
		if e.Manager == manager && e.Subresource == "" {
			return true
		}
	}
	return false
}

// desired is what an apply says: without what names the object.
func desired(o *unstructured.Unstructured) map[string]any {
	out := map[string]any{}
	for k, v := range o.Object {
		if k != "apiVersion" && k != "kind" && k != "status" {
			out[k] = v
		}
	}
	if meta, ok := out["metadata"].(map[string]any); ok {
		kept := map[string]any{}
		for k, v := range meta {
			if k != "name" && k != "namespace" {
				kept[k] = v
			}
		}
		out["metadata"] = kept
	}
	return out
}

// covers reports whether live has every value that want says. What a server adds by
// itself does not matter, nor how it writes a quantity.
func covers(live, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok {
			return live == nil && len(w) == 0
		}
		for k, v := range w {
			if !covers(l[k], v) {
				return false
			}
		}
		return true
	case []any:
		l, ok := live.([]any)
		if !ok {
			return live == nil && len(w) == 0
		}
		return coversList(l, w)
	case nil:
		return true // null asks for nothing
	default:
		return sameScalar(live, want)
	}
}

// coversList compares item by item; a server keeps the order. Items that others have
// put into a list with keys are skipped.
func coversList(live, want []any) bool {
	i := 0
	for _, w := range want {
		for i < len(live) && !covers(live[i], w) {
			i++
		}
		if i == len(live) {
			return false
		}
		i++
	}
	return true
}

func sameScalar(live, want any) bool {
	if live == nil {
		return want == "" || want == false // the API leaves these out
	}
	a, b := fmt.Sprint(live), fmt.Sprint(want)
	if a == b {
		return true
	}
	x, errX := resource.ParseQuantity(a)
	y, errY := resource.ParseQuantity(b)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

// sameFields reports whether owned is exactly the fields that want says.
func sameFields(owned fields, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		if isWhole(owned) {
			return true // a map that is set as a whole, or an empty one
		}
		return sameMap(owned, w)
	case []any:
		if isWhole(owned) {
			return true
		}
		return sameList(owned, w)
	default:
		return true
	}
}

// isWhole reports whether nothing below a field is owned by itself.
func isWhole(owned fields) bool {
	for k := range owned {
		if k != "." {
			return false
		}
	}
	return true
}

func sameMap(owned fields, want map[string]any) bool {
	for k, v := range want {
		if v == nil {
			continue
		}
		if _, ok := owned["f:"+k]; !ok || !sameFields(owned.child("f:"+k), v) {
			return false
		}
	}
	for k := range owned {
		name, ok := strings.CutPrefix(k, "f:")
		if _, said := want[name]; ok && !said {
			return false
		}
	}
	return true
}

func sameList(owned fields, want []any) bool {
	items := 0
	for k := range owned {
		if k == "." {
			continue
		}
		items++
		if !itemSaid(k, owned.child(k), want) {
			return false
		}
	}
	return items == len(want)
}

// itemSaid reports whether want has the item with the owned key, and says exactly
// the owned fields of it.
func itemSaid(key string, owned fields, want []any) bool {
	kind, raw, ok := strings.Cut(key, ":")
	if !ok {
		return false
	}
	var value any
	if json.Unmarshal([]byte(raw), &value) != nil {
		return false
	}
	return slices.ContainsFunc(want, func(item any) bool {
		switch kind {
		case "k":
			keys, ok := value.(map[string]any)
			m, isMap := item.(map[string]any)
			return ok && isMap && hasKeys(m, keys) && sameItem(owned, m, keys)
		case "v":
			return fmt.Sprint(value) == fmt.Sprint(item)
		default: // an index: lists that have them are set as a whole
			return false
		}
	})
}

// sameItem is sameMap, where keys that the API has filled in need not be said.
func sameItem(owned fields, item, keys map[string]any) bool {
	all := map[string]any{}
	for k, v := range item {
		all[k] = v
	}
	for k, v := range keys {
		if _, ok := owned["f:"+k]; ok && all[k] == nil {
			all[k] = v
		}
	}
	return isWhole(owned) || sameMap(owned, all)
}

// hasKeys reports whether item may be the one with the keys: a key that it does not
// say is filled in by the API.
func hasKeys(item, keys map[string]any) bool {
	for k, v := range keys {
		if said, ok := item[k]; ok && fmt.Sprint(said) != fmt.Sprint(v) {
			return false
		}
	}
	return true
}
