package kubernetes

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// permission is one thing that a rollout will ask of the API. namespace is "" for what
// is in none.
type permission struct {
	verb            string
	group, resource string
	namespace, name string
}

// permissions collects what a rollout will ask for, each once.
type permissions map[permission]struct{}

// add notes that objects of a resource are asked for with each of the verbs. name ""
// stands for any.
func (p permissions) add(gr schema.GroupResource, namespace, name string, verbs ...string) {
	for _, v := range verbs {
		p[permission{verb: v, group: gr.Group, resource: gr.Resource, namespace: namespace, name: name}] = struct{}{}
	}
}

// namespaces returns the namespaces that p is about, without "".
func (p permissions) namespaces() []string {
	set := map[string]bool{}
	for n := range p {
		if n.namespace != "" {
			set[n.namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// in returns the permissions of a namespace in a fixed order.
func (p permissions) in(namespace string) []permission {
	var out []permission
	for n := range p {
		if n.namespace == namespace {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b permission) int {
		return cmp.Or(
			cmp.Compare(a.group, b.group), cmp.Compare(a.resource, b.resource),
			cmp.Compare(a.name, b.name), cmp.Compare(a.verb, b.verb),
		)
	})
	return out
}

// The verbs of what is done to an object. A watch begins with a list, an apply of what
// does not exist is a patch and a create.
func reads() []string   { return []string{"list", "watch"} }
func changes() []string { return []string{"list", "watch", "patch"} }
func applies() []string { return []string{"list", "watch", "create", "patch"} }
func owns() []string    { return []string{"list", "watch", "create", "patch", "delete"} }

// allowed reports whether one of the rules permits n, as RBAC judges them: a rule with
// names permits only these, also where a list or a watch is of one name, and a
// create by apply.
func allowed(rules []authorizationv1.ResourceRule, n permission) bool {
	has := func(list []string, want string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, want)
	}
	return slices.ContainsFunc(rules, func(r authorizationv1.ResourceRule) bool {
		return has(r.Verbs, n.verb) && has(r.APIGroups, n.group) && has(r.Resources, n.resource) &&
			(len(r.ResourceNames) == 0 || n.name != "" && has(r.ResourceNames, n.name))
	})
}

// missing returns those of list that no rule permits.
func missing(rules []authorizationv1.ResourceRule, list []permission) []permission {
	return slices.DeleteFunc(slices.Clone(list), func(n permission) bool { return allowed(rules, n) })
}

// lack is the verbs that are missing on one resource, and on which of its objects.
type lack struct {
	group, resource string
	names           []string // none: any
	verbs           []string
}

// lacks sums up missing permissions of one namespace, which are in their fixed order. A
// resource that is missing as a whole is told once, whatever the names.
func lacks(list []permission) []lack {
	type key struct{ group, resource, name string }
	verbs := map[key][]string{}
	var order []key
	for _, n := range list {
		k := key{n.group, n.resource, n.name}
		if _, ok := verbs[k]; !ok {
			order = append(order, k)
		}
		verbs[k] = append(verbs[k], n.verb)
	}
	var out []lack
	for _, k := range order {
		last := len(out) - 1
		if last >= 0 && out[last].group == k.group && out[last].resource == k.resource && slices.Equal(out[last].verbs, verbs[k]) {
			out[last].names = append(out[last].names, k.name)
			continue
		}
		out = append(out, lack{group: k.group, resource: k.resource, names: []string{k.name}, verbs: verbs[k]})
	}
	for i := range out {
		out[i].names = slices.DeleteFunc(out[i].names, func(n string) bool { return n == "" })
	}
	return out
}

// String reads "list, watch and patch deployments.apps shop, shop-canary".
func (l lack) String() string {
	text := and(l.verbs) + " " + schema.GroupResource{Group: l.group, Resource: l.resource}.String()
	if len(l.names) > 0 {
		text += " " + strings.Join(l.names, ", ")
	}
	return text
}

// and reads "a", "a and b", "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// denials tells what somebody lacks in a namespace, and the rule that would grant it.
func denials(who, namespace string, list []permission) []string {
	var out []string
	for _, l := range lacks(list) {
		role := "a Role in " + namespace
		if namespace == "" {
			role = "a ClusterRole"
		}
		out = append(out, who+" may not "+l.String()+
			": grant it by "+role+" with apiGroups ["+quoted(l.group)+"], resources ["+l.resource+"], verbs ["+strings.Join(l.verbs, ", ")+"]")
	}
	return out
}

// quoted is a value as YAML has it.
func quoted(group string) string {
	if group == "" {
		return `""`
	}
	return group
}
