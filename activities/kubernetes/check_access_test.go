package kubernetes

import (
	"reflect"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

func rulesOf(t *testing.T, text string) []authorizationv1.ResourceRule {
	t.Helper()
	var rules []authorizationv1.ResourceRule
	if err := yaml.UnmarshalStrict([]byte(text), &rules); err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	patch := permission{verb: "patch", group: "apps", resource: "deployments", namespace: "prod", name: "shop"}
	list := permission{verb: "list", resource: "pods", namespace: "prod"}
	for _, row := range []struct {
		name, rules string
		ask         permission
		want        bool
	}{
		{"nothing is allowed by itself", `[]`, patch, false},
		{"verb, group and resource", `[{verbs: [get, patch], apiGroups: [apps], resources: [deployments]}]`, patch, true},
		{"another verb", `[{verbs: [get, update], apiGroups: [apps], resources: [deployments]}]`, patch, false},
		{"another group", `[{verbs: [patch], apiGroups: [""], resources: [deployments]}]`, patch, false},
		{"another resource", `[{verbs: [patch], apiGroups: [apps], resources: [replicasets]}]`, patch, false},
		{"a subresource is another resource", `[{verbs: [patch], apiGroups: [apps], resources: [deployments/scale, "*/status"]}]`, patch, false},
		{"the core group is empty", `[{verbs: [list], apiGroups: [""], resources: [pods]}]`, list, true},
		{"wildcards", `[{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}]`, patch, true},
		{"its name", `[{verbs: [patch], apiGroups: [apps], resources: [deployments], resourceNames: [web, shop]}]`, patch, true},
		{"another name", `[{verbs: [patch], apiGroups: [apps], resources: [deployments], resourceNames: [web]}]`, patch, false},
		{"names do not allow all of them", `[{verbs: [list], apiGroups: [""], resources: [pods], resourceNames: [shop-1]}]`, list, false},
		{"parts of several rules make none", `[{verbs: [patch], apiGroups: [apps], resources: [replicasets]}, {verbs: [get], apiGroups: [apps], resources: [deployments]}]`, patch, false},
		{"one of several rules is enough", `[{verbs: [get], apiGroups: [apps], resources: [deployments]}, {verbs: [patch], apiGroups: [apps], resources: [deployments]}]`, patch, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := allowed(rulesOf(t, row.rules), row.ask); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestDenials(t *testing.T) {
	t.Parallel()
	needs := permissions{}
	needs.add(schema.GroupResource{Group: "apps", Resource: "deployments"}, "prod", "shop", changes()...)
	needs.add(schema.GroupResource{Group: "apps", Resource: "deployments"}, "prod", "shop-canary", changes()...)
	needs.add(schema.GroupResource{Resource: "pods"}, "prod", "", reads()...)
	needs.add(schema.GroupResource{Resource: "services"}, "prod", "shop", "list")
	needs.add(schema.GroupResource{Resource: "namespaces"}, "", "prod", "create")
	if got, want := needs.namespaces(), []string{"prod"}; !reflect.DeepEqual(got, want) {
		t.Errorf("namespaces %v, want %v", got, want)
	}
	for _, row := range []struct {
		name, namespace, rules string
		want                   []string
	}{
		{"all is granted", "prod", `[{verbs: ["*"], apiGroups: ["", apps], resources: [deployments, pods, services]}]`, nil},
		{"some is", "prod", `[{verbs: [list, watch], apiGroups: ["*"], resources: ["*"]}, {verbs: [patch], apiGroups: [apps], resources: [deployments], resourceNames: [shop]}]`, []string{
			"bob may not patch deployments.apps shop-canary: grant it by a Role in prod with apiGroups [apps], resources [deployments], verbs [patch]",
		}},
		{"nothing is", "prod", `[]`, []string{
			`bob may not list and watch pods: grant it by a Role in prod with apiGroups [""], resources [pods], verbs [list, watch]`,
			`bob may not list services shop: grant it by a Role in prod with apiGroups [""], resources [services], verbs [list]`,
			"bob may not list, patch and watch deployments.apps shop, shop-canary: grant it by a Role in prod with apiGroups [apps], resources [deployments], verbs [list, patch, watch]",
		}},
		{"in no namespace", "", `[]`, []string{
			`bob may not create namespaces prod: grant it by a ClusterRole with apiGroups [""], resources [namespaces], verbs [create]`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := denials("bob", row.namespace, missing(rulesOf(t, row.rules), needs.in(row.namespace)))
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got\n%q\nwant\n%q", got, row.want)
			}
		})
	}
}
