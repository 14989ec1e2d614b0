package pipeline

// comparesFresh reports whether a check of s compares with fresh pods of stable.
func (s *Strategy) comparesFresh() bool {
	found := false
	s.eachJobs(&judge{}, func(j Jobs, _ *judge) { found = found || len(j.freshChecks(&judge{})) > 0 })
	return found
}

// freshChecks returns the places where checks of j compare with fresh pods of stable. at is
// the place of j.
func (j Jobs) freshChecks(at *judge) []*judge {
	if j.Analysis == nil || j.Analysis.Prometheus == nil {
		return nil
	}
	var out []*judge
	for i, c := range j.Analysis.Prometheus.Checks {
		if c.Compare != nil && c.Compare.Fresh {
			out = append(out, at.key("analysis").key("prometheus").key("checks").item(i).key("compare").key("fresh"))
		}
	}
	return out
}

// begins judges that pods of stable can begin beside the canary at t, where a check compares
// with them.
func (s *Strategy) begins(t *Target, at *judge) {
	why := s.neverFresh(t)
	if why == "" {
		return
	}
	s.eachJobs(at, func(j Jobs, at *judge) {
		for _, fresh := range j.freshChecks(at) {
			fresh.bad("%s", why)
		}
	})
}

// neverFresh says why t can have no fresh pods of stable beside the canary of s, or "".
func (s *Strategy) neverFresh(t *Target) string {
	switch {
	case !t.cluster():
		return "is possible only on clusters; target \"" + t.Metadata.Name + "\" is " + t.runs()
	case s.Canary == nil || s.Canary.RuntimeConfig == nil || s.Canary.RuntimeConfig.Kubernetes == nil:
		return "is possible only beside a canary Deployment, which runtimeConfig.kubernetes names: leave fresh out"
	case s.Canary.RuntimeConfig.Kubernetes.ServiceNetworking != nil:
		return "is not possible with serviceNetworking, where the pods are the split and more of them would change it: " +
			"leave fresh out, or split by gatewayServiceMesh or ingress"
	case len(s.Canary.RuntimeConfig.Kubernetes.deployment()) > maxName:
		return "is not possible with a Deployment whose name has more than 63 characters, which no label of their pods can hold: leave fresh out"
	}
	return ""
}
