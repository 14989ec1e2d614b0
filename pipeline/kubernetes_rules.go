package pipeline

import (
	"errors"
	"net/url"
	"regexp"
	dialect "regexp/syntax"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

func (k *KubernetesConfig) rules(at *judge) {
	exactlyOne(at, []choice{
		{"gatewayServiceMesh", k.GatewayServiceMesh != nil},
		{"serviceNetworking", k.ServiceNetworking != nil},
		{"ingress", k.Ingress != nil},
	})
	if k.GatewayServiceMesh != nil {
		k.GatewayServiceMesh.rules(at.key("gatewayServiceMesh"))
	}
	if k.Ingress != nil {
		k.Ingress.rules(at.key("ingress"))
	}
	k.CanaryMetadata.rules(at.key("canaryMetadata"), k.selector())
	k.StableMetadata.rules(at.key("stableMetadata"), k.selector())
}

func (g *GatewayServiceMesh) rules(at *judge) {
	switch {
	case !at.src.extended && g.HTTPRoute == "":
		at.key("httpRoute").bad("is required")
	case len(g.routes()) == 0:
		at.bad("needs one of httpRoute, grpcRoute, routes")
	}
	namespaceRule(at.key("routeNamespace"), g.RouteNamespace)
	for i, r := range g.Routes {
		namespaceRule(at.key("routes").item(i).key("namespace"), r.Namespace)
	}
	all := g.routes()
	before := len(all) - len(g.Routes)
	for i, r := range all {
		if i >= before && slices.Contains(all[:i], r) {
			at.key("routes").item(i-before).bad("%s %q is already among the routes: keep one of them", r.Kind, r.Name)
		}
	}
}

// grpc reports whether one of the routes is a GRPCRoute.
func (g *GatewayServiceMesh) grpc() bool {
	return slices.ContainsFunc(g.routes(), func(r rollout.Route) bool { return r.Kind == rollout.KindGRPCRoute })
}

func namespaceRule(at *judge, name string) {
	if name != "" && !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`).MatchString(name) {
		at.bad("%q is no namespace: use lowercase letters, digits and hyphens", name)
	}
}

func (g *Ingress) rules(at *judge) {
	if p := g.AnnotationPrefix; p != "" && (!isDNS(p) || len(p) > maxAnnotationPrefix) {
		at.key("annotationPrefix").bad("%q is no prefix of annotations: write a DNS name without a slash, such as %s", p, defaultPrefix)
	}
	tokenRule(at.key("header"), g.Header)
	tokenRule(at.key("cookie"), g.Cookie)
	atMostOne(at, []choice{{"headerValue", g.HeaderValue != ""}, {"headerPattern", g.HeaderPattern != ""}})
	for _, c := range []choice{{"headerValue", g.HeaderValue != ""}, {"headerPattern", g.HeaderPattern != ""}} {
		if c.given && g.Header == "" {
			at.key(c.name).bad("needs header: the name of the header that it compares")
		}
	}
	regexRule(at.key("headerPattern"), g.HeaderPattern)
	if g.Probe == nil && g.RouteUpdateWaitTime == 0 {
		at.key("routeUpdateWaitTime").bad("must be above 0s without probe: an ingress controller tells nobody when it has taken a weight")
	}
	if g.Probe != nil {
		urlRule(at.key("probe").key("url"), g.Probe.URL)
		tokenRule(at.key("probe").key("header"), g.Probe.Header)
	}
}

func urlRule(at *judge, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		at.bad("%q is no absolute URL: write https://HOST", text)
		return
	}
	if u.User != nil { // whoever reads the configuration would read it
		at.bad("a URL with a user or password: refer to a secret instead")
	}
}

// tokenRule judges the name of a header or cookie, as RFC 9110 has it.
func tokenRule(at *judge, name string) {
	if name != "" && !regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$").MatchString(name) {
		at.bad("%q is no name of a header or cookie: use letters, digits and hyphens", name)
	}
}

// regexRule judges what is wrong in every dialect of expressions. The rest is for
// the gateway, whose dialect may be larger than Go's.
func regexRule(at *judge, text string) {
	_, err := dialect.Parse(text, dialect.Perl)
	var broken *dialect.Error
	if !errors.As(err, &broken) {
		return
	}
	switch broken.Code {
	case dialect.ErrMissingBracket, dialect.ErrMissingParen, dialect.ErrUnexpectedParen, dialect.ErrTrailingBackslash:
		at.bad("%q is no expression: %s", text, broken.Code)
	default:
	}
}

// rules judges metadata beside the label that selects the pods.
func (m *PodMetadata) rules(at *judge, selector string) {
	if m == nil {
		return
	}
	value := regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
	labels := at.key("labels")
	for _, k := range sortedKeys(m.Labels) {
		switch {
		case k == selector:
			labels.key(k).bad("%q selects the pods: it cannot be changed", k)
		case !isQualified(k):
			labels.key(k).bad("%q is no label key: %s", k, wantQualified)
		case !value.MatchString(m.Labels[k]):
			labels.key(k).bad("%q is no label value: use letters, digits, -, _ and ., at most 63 characters", m.Labels[k])
		}
	}
	annotationRules(at.key("annotations"), m.Annotations)
	for _, c := range []struct {
		at   *judge
		keys []string
	}{{labels, sortedKeys(m.Labels)}, {at.key("annotations"), sortedKeys(m.Annotations)}} {
		for _, k := range c.keys {
			if strings.HasPrefix(k, "serin.dev/") {
				c.at.key(k).bad("%q is written by Serin: choose another prefix", k)
			}
		}
	}
}

// matchRules judges the conditions of one phase.
func (c *Canary) matchRules(at *judge, all []Match) {
	if all == nil {
		return
	}
	if !c.mesh() {
		at.bad("is possible only with runtimeConfig.kubernetes.gatewayServiceMesh")
		return
	}
	grpc := c.RuntimeConfig.Kubernetes.GatewayServiceMesh.grpc()
	for i, m := range all {
		item := at.item(i)
		if len(m.Headers)+len(m.Cookies) == 0 {
			item.bad("needs one of headers, cookies")
		}
		if grpc && len(m.Cookies) > 0 {
			item.key("cookies").bad("cannot be compared by a GRPCRoute: use headers")
		}
		m.rules(item)
	}
}

func (m Match) rules(at *judge) {
	seen := map[string]int{}
	for i, h := range m.Headers {
		item, name := at.key("headers").item(i), strings.ToLower(h.Name)
		h.rules(item)
		switch first, twice := seen[name]; {
		case twice:
			item.key("name").bad("%q is given twice, first as item %d: a header has one condition", h.Name, first)
		case name == "cookie" && len(m.Cookies) > 0:
			item.key("name").bad("%q is what cookies compares: keep one of them", h.Name)
		}
		seen[name] = i
	}
	seen = map[string]int{}
	for i, c := range m.Cookies {
		item := at.key("cookies").item(i)
		c.rules(item)
		if first, twice := seen[c.Name]; twice {
			item.key("name").bad("%q is given twice, first as item %d: a cookie has one condition", c.Name, first)
		}
		seen[c.Name] = i
	}
}

func (v ValueMatch) rules(at *judge) {
	tokenRule(at.key("name"), v.Name)
	exactlyOne(at, []choice{{"value", v.Value != ""}, {"regex", v.Regex != ""}})
	regexRule(at.key("regex"), v.Regex)
}
