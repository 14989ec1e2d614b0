package gateway

import (
	"fmt"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

const annotations = "nginx.ingress.kubernetes.io/"

// ingresses returns the rules of the Ingresses of class nginx. A canary Ingress makes no rule of its own: where
// another Ingress of its namespace has the same host and path, it takes part of that rule's requests, the oldest
// canary if there are several.
func (c *compiler) ingresses(all []*networkingv1.Ingress) Table {
	var table, canaries Table
	for _, ing := range byAge(all) {
		if !ofNginx(ing) {
			continue
		}
		rules := c.ingressRules(ing)
		if ing.Annotations[annotations+"canary"] != "true" {
			table = append(table, rules...)
			continue
		}
		canary, weight, total := canaryOf(ing.Annotations)
		for _, rule := range rules {
			rule.Canary = canary
			rule.Backends[0].Weight = weight
			rule.Backends = append([]Backend{{Weight: total - weight}}, rule.Backends...)
			canaries = append(canaries, rule)
		}
	}
	for _, canary := range canaries {
		for i := range table {
			main := &table[i]
			if main.Canary != nil || namespaceOf(main.Name) != namespaceOf(canary.Name) ||
				main.Match.Host != canary.Match.Host || main.Match.Path != canary.Match.Path {
				continue
			}
			main.Canary = canary.Canary
			canary.Backends[0].Service = main.Backends[0].Service
			main.Backends = canary.Backends
			break
		}
	}
	return table
}

func namespaceOf(rule string) string {
	_, name, _ := strings.Cut(rule, " ")
	namespace, _, _ := strings.Cut(name, "/")
	return namespace
}

func ofNginx(ing *networkingv1.Ingress) bool {
	if ing.Spec.IngressClassName != nil {
		return *ing.Spec.IngressClassName == "nginx"
	}
	return ing.Annotations["kubernetes.io/ingress.class"] == "nginx"
}

// canaryOf reads the annotations of a canary Ingress. As in ingress-nginx a value that cannot be used counts as absent.
func canaryOf(a map[string]string) (canary *Canary, weight, total int64) {
	number := func(name string, absent int64) int64 {
		n, err := strconv.ParseInt(a[annotations+name], 10, 32)
		if err != nil || n < 0 {
			return absent
		}
		return n
	}
	total = max(1, number("canary-weight-total", 100))
	weight = min(number("canary-weight", 0), total)
	canary = &Canary{
		Header: a[annotations+"canary-by-header"],
		Value:  a[annotations+"canary-by-header-value"],
		Cookie: a[annotations+"canary-by-cookie"],
	}
	if text := a[annotations+"canary-by-header-pattern"]; text != "" && canary.Value == "" {
		if pattern, err := whole(text); err == nil {
			canary.Pattern = pattern
		}
	}
	return canary, weight, total
}

func (c *compiler) ingressRules(ing *networkingv1.Ingress) Table {
	var table Table
	add := func(host string, path Path, backend *networkingv1.IngressServiceBackend) {
		if backend == nil { // a resource, which this gateway does not serve
			return
		}
		service := types.NamespacedName{Namespace: ing.Namespace, Name: backend.Name}
		port := c.portNumber(service, backend.Port.Number, backend.Port.Name)
		table = append(table, Rule{
			Name:     fmt.Sprintf("Ingress %s/%s %d", ing.Namespace, ing.Name, len(table)),
			Created:  ing.CreationTimestamp.Time,
			Match:    Match{Host: strings.ToLower(host), Path: path},
			Backends: []Backend{{Service: serviceKey(service, port), Weight: 1}},
		})
	}
	for _, rule := range ing.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, p := range rule.HTTP.Paths {
			path := Path{Kind: Prefix, Value: p.Path}
			if p.PathType != nil && *p.PathType == networkingv1.PathTypeExact {
				path.Kind = Exact
			}
			if path.Value == "" {
				path.Value = "/"
			}
			add(rule.Host, path, p.Backend.Service)
		}
	}
	if ing.Spec.DefaultBackend != nil {
		add("", Path{Kind: Prefix, Value: "/"}, ing.Spec.DefaultBackend.Service)
	}
	return table
}
