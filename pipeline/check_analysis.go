package pipeline

import "regexp"

// measures judges that the queries of s can be asked about t.
func (s *Strategy) measures(t *Target, at *judge) {
	s.eachJobs(at, func(j Jobs, at *judge) {
		if j.Analysis == nil || j.Analysis.Prometheus == nil {
			return
		}
		for i, c := range j.Analysis.Prometheus.Checks {
			s.measure(c, t, at.key("analysis").key("prometheus").key("checks").item(i))
		}
	})
}

func (s *Strategy) measure(c MetricCheck, t *Target, at *judge) {
	p, preset := findProvider(c.Provider)
	if t.CustomTarget != nil {
		c.onCustom(t, at)
		return
	}
	if preset {
		p.exports(t, at.key("provider"))
	}
	if t.cluster() && p.name != cloudRunProvider {
		s.inCluster(c, p, at)
	}
}

// exports judges that there are series of p about t.
func (p provider) exports(t *Target, at *judge) {
	onRun := p.name == cloudRunProvider
	switch name := t.Metadata.Name; {
	case onRun && t.Run == nil:
		at.bad("is cloudRun, but target %q is %s: name who exports the series there", name, t.runs())
	case !onRun && t.Run != nil:
		at.bad("is %s, but target %q is run: its series are those of cloudRun", p.name, name)
	case onRun && !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(t.location()):
		at.bad("is cloudRun, but target %q is at %q, which is no location", name, t.location())
	}
}

// inCluster judges that what c asks for has a name in a cluster, and one of its own.
func (s *Strategy) inCluster(c MetricCheck, p provider, at *judge) {
	named := s.Canary != nil && s.Canary.RuntimeConfig != nil && s.Canary.RuntimeConfig.Kubernetes != nil
	if named {
		if s.Canary.RuntimeConfig.Kubernetes.ServiceNetworking != nil && p.byService() && c.Preset != "" {
			at.key("provider").bad("is %s, whose series tell the canary by its Service: with serviceNetworking both versions have the same", c.Provider)
		}
		return
	}
	key, query := "query", c.Query
	if c.Preset != "" {
		key, query = "preset", p.selector
	}
	for _, field := range []string{"Canary", "Stable", "Service"} {
		if queryWords().uses(query, field) {
			at.key(key).bad("needs {{.%s}}, which nothing names: only runtimeConfig.kubernetes of a canary says which Deployment and Service it is", field)
			return
		}
	}
}
