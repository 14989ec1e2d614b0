package pipeline

// DeliveryPipeline is an ordered list of stages. A release is promoted through
// them in that order.
type DeliveryPipeline struct {
	Envelope `yaml:",inline"`

	// SerialPipeline holds the stages.
	SerialPipeline SerialPipeline `yaml:"serialPipeline" rule:"required"`
	// Suspended blocks new releases, promote, rollback, redeploy, approve and
	// reject. Rollouts in progress run to completion.
	Suspended bool `yaml:"suspended,omitempty" rule:"default=false"`
}

// SerialPipeline is the promotion sequence.
type SerialPipeline struct {
	// Stages are in order of promotion.
	Stages []StageConfig `yaml:"stages" rule:"required,items=1.."`
}

// StageConfig is one step of a pipeline: one target and how it is rolled out to.
type StageConfig struct {
	// TargetID names the Target. A target appears only once in a pipeline,
	// directly or as the child of a multi-target.
	TargetID string `yaml:"targetId" rule:"required,id"`
	// Profiles are the Skaffold profiles this stage is rendered with.
	Profiles []string `yaml:"profiles,omitempty" rule:"unique"`
	// Strategy says how traffic moves to the new version. Without it the stage
	// uses the standard strategy and verifies nothing.
	Strategy *Strategy `yaml:"strategy,omitempty"`
	// DeployParameters are values for the manifests of this stage.
	DeployParameters []StageParameters `yaml:"deployParameters,omitempty"`
}

// StageParameters are deploy parameters of a stage, for all of its targets or
// for those with certain labels.
type StageParameters struct {
	// Values are the parameters: at most 50; a key has at most 63 characters
	// and does not begin with CLOUD_DEPLOY_, a value has at most 512.
	Values map[string]string `yaml:"values" rule:"required"`
	// MatchTargetLabels selects the targets that have all of these labels.
	// Without it the values are for every target of the stage.
	MatchTargetLabels map[string]string `yaml:"matchTargetLabels,omitempty"`
}

// Strategy is either standard or canary.
type Strategy struct {
	// Standard deploys in a single phase, stable.
	Standard *Standard `yaml:"standard,omitempty"`
	// Canary deploys in phases, each with a share of the traffic.
	Canary *Canary `yaml:"canary,omitempty"`
}

// Standard is the strategy of one phase, stable.
type Standard struct {
	Jobs `yaml:",inline"`
}

func (p *DeliveryPipeline) rules(at *judge) {
	seen := map[string]int{}
	for i, s := range p.SerialPipeline.Stages {
		stage := at.key("serialPipeline").key("stages").item(i)
		if first, twice := seen[s.TargetID]; twice && s.TargetID != "" {
			stage.key("targetId").bad("%q is already the target of stages[%d]: a target appears once in a pipeline", s.TargetID, first)
		} else {
			seen[s.TargetID] = i
		}
		for j, p := range s.DeployParameters {
			params := stage.key("deployParameters").item(j)
			parameterRules(params.key("values"), p.Values)
			if p.MatchTargetLabels != nil {
				labelRules(params.key("matchTargetLabels"), p.MatchTargetLabels, maxLabelBytes)
			}
		}
		if s.Strategy != nil {
			s.Strategy.rules(stage.key("strategy"))
		}
	}
}

func (s *Strategy) rules(at *judge) {
	atMostOne(at, s.given())
	if s.Standard != nil {
		s.Standard.rules(at.key("standard"))
	}
	if s.Canary != nil {
		s.Canary.rules(at.key("canary"))
	}
}

func (s *Strategy) given() []choice {
	return []choice{{"standard", s.Standard != nil}, {"canary", s.Canary != nil}}
}
