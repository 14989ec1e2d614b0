package pipeline

import (
	"net/url"
	"regexp"
	"strings"
)

func (j Jobs) rules(at *judge) {
	if j.VerifyConfig != nil {
		if j.Verify.asks() {
			at.key("verifyConfig").bad("cannot be used together with verify: keep one of them")
		}
		j.VerifyConfig.rules(at.key("verifyConfig"))
	}
	if j.Verify != nil && !j.Verify.single {
		VerifyConfig{Tasks: j.Verify.Tasks, HTTP: j.Verify.HTTP}.rules(at.key("verify"))
	}
	if j.Predeploy != nil {
		j.Predeploy.rules(at.key("predeploy"))
	}
	if j.Postdeploy != nil {
		j.Postdeploy.rules(at.key("postdeploy"))
	}
	if j.Analysis != nil {
		j.Analysis.rules(at.key("analysis"))
	}
}

func (v VerifyConfig) rules(at *judge) {
	switch {
	case v.Tasks != nil || v.HTTP != nil:
	case at.src.extended:
		at.bad("needs one of tasks, http")
	default:
		at.key("tasks").bad("is required")
	}
	names := newIDs()
	for i, c := range v.HTTP {
		item := at.key("http").item(i)
		names.add(item.key("id"), c.ID)
		c.rules(item)
	}
}

func (h *Hook) rules(at *judge) {
	exactlyOne(at, []choice{{"actions", h.Actions != nil}, {"tasks", h.Tasks != nil}})
}

func (c HTTPCheck) rules(at *judge) {
	known := httpWords()
	if known.rule(at.key("url"), c.URL) && c.URL != "" && !isURL(known.filled(c.URL)) {
		at.key("url").bad("%q is no absolute URL: write https://HOST/PATH or {{.CanaryURL}}/PATH", c.URL)
	}
	known.rule(at.key("body"), c.Body)
	headerRules(at.key("headers"), c.Headers)
	if c.Body != "" && (c.Method == "" || c.Method == "GET" || c.Method == "HEAD") {
		at.key("body").bad("is sent by no GET and no HEAD: give another method, such as POST")
	}
	if _, err := regexp.Compile(c.Match); err != nil {
		at.key("match").bad("%q is no expression of RE2: %s", c.Match, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if c.Interval != 0 && c.Attempts <= 1 {
		at.key("interval").bad("means something only with attempts above 1")
	}
}

// addressRules judges requests of phases with a canary: an answer of the service itself, which
// reaches stable too, would say nothing about the canary.
func (c *Canary) addressRules(at *judge, j Jobs) {
	reason := c.unaddressed()
	if reason == "" {
		return
	}
	key := "verify"
	if j.VerifyConfig != nil {
		key = "verifyConfig"
	}
	for i, check := range j.verification().HTTP {
		item := at.key(key).key("http").item(i)
		for _, text := range []struct{ key, value string }{{"url", check.URL}, {"body", check.Body}} {
			if httpWords().uses(text.value, "CanaryURL") {
				item.key(text.key).bad("has {{.CanaryURL}}, but no address reaches only the canary: %s", reason)
			}
		}
	}
}

// unaddressed says what to do where no address reaches only the canary of c, or "".
func (c *Canary) unaddressed() string {
	r := c.RuntimeConfig
	switch {
	case r == nil && c.CanaryDeployment != nil: // which only a custom target has: see onCustom
	case r == nil:
		return "the manifests shape the traffic, so write the address itself"
	case r.CloudRun != nil && !r.CloudRun.AutomaticTrafficControl:
		return "the manifest itself has the tags, so write the address by its tag"
	case r.CloudRun != nil && len(r.CloudRun.CanaryRevisionTags) == 0:
		return "add canaryRevisionTags to runtimeConfig.cloudRun"
	case r.Kubernetes != nil && r.Kubernetes.ServiceNetworking != nil:
		return "with serviceNetworking one Service reaches both versions; use gatewayServiceMesh or ingress, or verify with tasks"
	}
	return ""
}

// headerRules judges headers of requests. What comes twice in other case would be sent twice.
func headerRules(at *judge, headers map[string]string) {
	first := map[string]string{}
	for _, name := range sortedKeys(headers) {
		lower := strings.ToLower(name)
		switch other, twice := first[lower]; {
		case name == "":
			at.key(name).bad("the name of a header is empty")
		case twice:
			at.key(name).bad("%q is the same header as %q: keep one of them", name, other)
		case strings.ContainsAny(headers[name], "\r\n\x00"):
			at.key(name).bad("the value has a line break, which no header can have")
		}
		tokenRule(at.key(name), name)
		first[lower] = name
	}
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
