package pipeline

import "slices"

// automation judges that what a names exists in its pipeline.
func (k *checker) automation(a *Automation) {
	at := a.at(&k.problems)
	p := k.Pipeline(a.PipelineName())
	if p == nil {
		at.key("metadata").key("name").bad("pipeline %q does not exist", a.PipelineName())
		return
	}
	var stages, phases []string
	for _, s := range p.SerialPipeline.Stages {
		stages = append(stages, s.TargetID)
		for _, ph := range s.Strategy.phases() {
			if !slices.Contains(phases, ph.id) {
				phases = append(phases, ph.id)
			}
		}
	}
	for i, t := range a.Selector.Targets {
		if t.ID != "" && t.ID != "*" && !slices.Contains(stages, t.ID) {
			at.key("selector").key("targets").item(i).key("id").bad("pipeline %q has no stage %q; it has %s", p.Metadata.Name, t.ID, listed(stages))
		}
	}
	for i, r := range a.Rules {
		rule := at.key("rules").item(i)
		r.destination(rule, stages, phases)
		r.sources(rule, phases)
	}
}

// destination judges where a rule promotes or rolls back to.
func (r AutomationRule) destination(at *judge, stages, phases []string) {
	target := func(at *judge, id string) {
		if id != "" && id != "@next" && !slices.Contains(stages, id) {
			at.key("destinationTargetId").bad("the pipeline has no stage %q; it has %s", id, listed(stages))
		}
	}
	if p := r.PromoteRelease; p != nil {
		place := at.key("promoteReleaseRule")
		target(place, p.DestinationTargetID)
		knownPhase(place.key("destinationPhase"), p.DestinationPhase, phases)
	}
	if p := r.TimedPromoteRelease; p != nil {
		place := at.key("timedPromoteReleaseRule")
		target(place, p.DestinationTargetID)
		knownPhase(place.key("destinationPhase"), p.DestinationPhase, phases)
	}
	if f := r.RepairRollout; f != nil {
		for i, p := range f.RepairPhases {
			if p.Rollback != nil {
				knownPhase(at.key("repairRolloutRule").key("repairPhases").item(i).key("rollback").key("destinationPhase"),
					p.Rollback.DestinationPhase, phases)
			}
		}
	}
}

// sources judges the phases after which, or in which, a rule acts.
func (r AutomationRule) sources(at *judge, phases []string) {
	if a := r.AdvanceRollout; a != nil {
		for i, id := range a.SourcePhases {
			knownPhase(at.key("advanceRolloutRule").key("sourcePhases").item(i), id, phases)
		}
	}
	if f := r.RepairRollout; f != nil {
		for i, id := range f.Phases {
			knownPhase(at.key("repairRolloutRule").key("phases").item(i), id, phases)
		}
	}
}

func knownPhase(at *judge, id string, phases []string) {
	if id != "" && !slices.Contains(phases, id) {
		at.bad("no stage of the pipeline has a phase %q; phases are %s", id, listed(phases))
	}
}

// ruleCounts judges how many rules the automations of each pipeline have.
func (k *checker) ruleCounts() {
	count := map[string]int{}
	for _, a := range k.Automations {
		before := count[a.PipelineName()]
		now := before + len(a.Rules)
		count[a.PipelineName()] = now
		if before <= maxRulesPerPipeline && now > maxRulesPerPipeline {
			a.at(&k.problems).key("rules").bad("the automations of pipeline %q have more than %d rules together", a.PipelineName(), maxRulesPerPipeline)
		}
	}
}
