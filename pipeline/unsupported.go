package pipeline

// unsupported names everything in the config of p that is legal but that this
// build cannot execute. c holds only what matters to p.
func (c *Config) unsupported(p *DeliveryPipeline) Problems {
	var out Problems
	stages := p.at(&out).key("serialPipeline").key("stages")
	for i, s := range p.SerialPipeline.Stages {
		if s.Strategy != nil {
			s.Strategy.unsupported(stages.item(i).key("strategy"))
		}
	}
	for _, t := range c.Targets {
		t.unsupported(t.at(&out))
	}
	for _, t := range c.CustomTargetTypes {
		t.unsupported(t.at(&out))
	}
	return out
}

// cannot reports what this build cannot execute.
func (j *judge) cannot(format string, args ...any) {
	j.bad("this build cannot execute "+format, args...)
}

func (s *Strategy) unsupported(at *judge) {
	if s.Canary != nil {
		s.Canary.unsupported(at.key("canary"))
	}
}

func (c *Canary) unsupported(at *judge) {
	if r := c.RuntimeConfig; r != nil && r.CloudRun != nil && !r.CloudRun.AutomaticTrafficControl {
		r.CloudRun.unusedTags(at.key("runtimeConfig").key("cloudRun"))
	}
}

// unusedTags reports tags that nothing would set.
func (r *CloudRunConfig) unusedTags(at *judge) {
	for _, l := range r.tagLists() {
		if len(l.tags) > 0 {
			at.key(l.name).cannot("%s without automaticTrafficControl: set tags in the manifest's traffic", l.name)
		}
	}
}

func (t *Target) unsupported(at *judge) {
	if c := t.CustomTarget; c != nil && c.Kubernetes == nil && c.Run == nil {
		at.key("customTarget").cannot("containers of a customTarget with Cloud Build: say where they run, by kubernetes or run in customTarget, under apiVersion %s", SerinV1)
	}
	if len(t.AssociatedEntities) > 0 && !t.cluster() {
		at.key("associatedEntities").cannot("associatedEntities of %s", t.Runtime())
	}
	for i, e := range t.ExecutionConfigs {
		e.unsupported(at.key("executionConfigs").item(i))
	}
}

func (c *CustomTargetType) unsupported(at *judge) {
	if c.CustomActions != nil && len(c.CustomActions.IncludeSkaffoldModules) > 0 {
		at.key("customActions").key("includeSkaffoldModules").cannot("includeSkaffoldModules: put the actions into the release's skaffold.yaml")
	}
}

func (e ExecutionConfig) unsupported(at *judge) {
	inPool := e.DefaultPool != nil && *e.DefaultPool != DefaultPool{}
	for _, c := range []choice{
		{"workerPool", e.WorkerPool != ""},
		{"defaultPool", inPool},
		{"privatePool", e.PrivatePool != nil},
		{"serviceAccount", e.ServiceAccount != ""},
		{"artifactStorage", e.ArtifactStorage != ""},
		{"executionTimeout", e.ExecutionTimeout != nil},
		{"verbose", e.Verbose},
	} {
		if c.given {
			at.key(c.name).cannot("jobs with their own %s", c.name)
		}
	}
}
