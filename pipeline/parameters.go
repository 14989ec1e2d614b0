package pipeline

// origin is one source of deploy parameters.
type origin struct {
	at     *judge
	name   string
	values map[string]string
}

// origins lists the sources of the deploy parameters of one target: the
// entries of its stage whose labels match, its multi-target, itself, and the
// release.
func origins(p *DeliveryPipeline, l leaf, req Request, invalid *Problems) []origin {
	var out []origin
	stage := p.at(invalid).key("serialPipeline").key("stages").item(l.stage).key("deployParameters")
	for i, e := range p.SerialPipeline.Stages[l.stage].DeployParameters {
		if hasLabels(l.target.Metadata.Labels, e.MatchTargetLabels) {
			at := stage.item(i).key("values")
			out = append(out, origin{at, at.path, e.Values})
		}
	}
	for _, t := range []*Target{l.parent, l.target} {
		if t != nil {
			out = append(out, origin{t.at(invalid).key("deployParameters"), "target " + t.Metadata.Name, t.DeployParameters})
		}
	}
	return append(out, origin{req.at(invalid).key("parameters"), "the release", req.Parameters})
}

// effective merges the deploy parameters of one target. No source is above
// another: two values for one key are a problem.
func effective(p *DeliveryPipeline, l leaf, req Request, invalid *Problems) map[string]string {
	merged, from := map[string]string{}, map[string]string{}
	for _, o := range origins(p, l, req, invalid) {
		for _, k := range sortedKeys(o.values) {
			v := o.values[k]
			if old, ok := merged[k]; ok && old != v {
				o.at.key(k).bad("is %q here, but %q in %s: give it one value for target %s", v, old, from[k], l.target.Metadata.Name)
				continue
			}
			merged[k], from[k] = v, o.name
		}
		if l.target.CustomTarget != nil {
			variables(o.at, o.values, merged)
		}
	}
	if len(merged) > maxEffective {
		p.at(invalid).key("serialPipeline").key("stages").item(l.stage).bad(
			"target %s has %d effective deploy parameters, at most %d are allowed", l.target.Metadata.Name, len(merged), maxEffective)
	}
	return merged
}

// hasLabels reports whether have has every label of want.
func hasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}
