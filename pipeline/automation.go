package pipeline

// Automation acts instead of a person on one pipeline. Its name is
// PIPELINE/AUTOMATION.
type Automation struct {
	Envelope `yaml:",inline"`

	// Suspended stops new runs; running ones finish.
	Suspended bool `yaml:"suspended,omitempty" rule:"default=false"`
	// ServiceAccount is whom the automation acts as.
	ServiceAccount string `yaml:"serviceAccount" rule:"required"`
	// Selector says which targets of the pipeline it is for. The older form, a
	// list of objects with the key target, is read too.
	Selector AutomationSelector `yaml:"selector" rule:"required"`
	// Rules are what it does; their order carries no meaning. All automations
	// of a pipeline together have at most 250.
	Rules []AutomationRule `yaml:"rules" rule:"required,items=1..250"`
}

// AutomationSelector selects targets; one match is enough.
type AutomationSelector struct {
	// Targets are the alternatives.
	Targets []Attributes `yaml:"targets" rule:"required,items=1.."`
}

// Attributes match an object by id, by labels, or by both.
type Attributes struct {
	// ID is the object's name; * is any.
	ID string `yaml:"id,omitempty" rule:"id,or=*"`
	// Labels are labels it must have, all of them.
	Labels map[string]string `yaml:"labels,omitempty"`
}

// AutomationRule is exactly one of its keys.
type AutomationRule struct {
	// PromoteRelease promotes a release after a rollout succeeded.
	PromoteRelease *PromoteReleaseRule `yaml:"promoteReleaseRule,omitempty" rule:"alias=promoteRelease"`
	// AdvanceRollout advances a rollout after a phase succeeded or was skipped.
	AdvanceRollout *AdvanceRolloutRule `yaml:"advanceRolloutRule,omitempty" rule:"alias=advanceRollout"`
	// RepairRollout retries failed jobs or rolls back.
	RepairRollout *RepairRolloutRule `yaml:"repairRolloutRule,omitempty" rule:"alias=repairRollout"`
	// TimedPromoteRelease promotes a release at certain times.
	TimedPromoteRelease *TimedPromoteReleaseRule `yaml:"timedPromoteReleaseRule,omitempty" rule:"alias=timedPromoteRelease"`
}

// PromoteReleaseRule promotes a release after a rollout succeeded.
type PromoteReleaseRule struct {
	// ID names the rule, unique in the automation.
	ID string `yaml:"id" rule:"required,id,alias=name"`
	// Wait is how long to wait first: minutes, such as 60m; at most 14 days.
	Wait Minutes `yaml:"wait,omitempty" rule:"duration=0s..336h,default=0m"`
	// DestinationTargetID is the target to promote to.
	DestinationTargetID string `yaml:"destinationTargetId,omitempty" rule:"id,or=@next,default=@next"`
	// DestinationPhase is the phase the new rollout starts in.
	DestinationPhase string `yaml:"destinationPhase,omitempty" rule:"id,default=the first phase"`
}

// AdvanceRolloutRule advances a rollout after a phase succeeded or was skipped.
type AdvanceRolloutRule struct {
	// ID names the rule, unique in the automation.
	ID string `yaml:"id" rule:"required,id,alias=name"`
	// SourcePhases are the phases after which it acts.
	SourcePhases []string `yaml:"sourcePhases,omitempty" rule:"id,unique,default=every phase"`
	// Wait is how long to wait first: minutes, such as 60m; at most 14 days.
	Wait Minutes `yaml:"wait,omitempty" rule:"duration=0s..336h,default=0m"`
}

// RepairRolloutRule retries failed jobs or rolls back.
type RepairRolloutRule struct {
	// ID names the rule, unique in the automation.
	ID string `yaml:"id" rule:"required,id,alias=name"`
	// Phases are those whose failed jobs it repairs.
	Phases []string `yaml:"phases,omitempty" rule:"id,unique,default=every phase"`
	// Jobs are the jobs it repairs.
	Jobs []string `yaml:"jobs,omitempty" rule:"id,unique,default=every job"`
	// RepairPhases are tried one after another.
	RepairPhases []RepairPhase `yaml:"repairPhases" rule:"required,items=1.."`
}

// RepairPhase is either retry or rollback.
type RepairPhase struct {
	// Retry runs the failed job again.
	Retry *Retry `yaml:"retry,omitempty"`
	// Rollback rolls back to the last release that succeeded.
	Rollback *Rollback `yaml:"rollback,omitempty"`
}

// Retry runs a failed job again.
type Retry struct {
	// Attempts is how often, 1 to 10. A string of digits is read too.
	Attempts int `yaml:"attempts" rule:"required,range=1..10,int64"`
	// Wait is the time before an attempt: minutes, such as 5m; at most 14 days.
	Wait Minutes `yaml:"wait,omitempty" rule:"duration=0s..336h,default=0m"`
	// BackoffMode is LINEAR, the same wait each time, or EXPONENTIAL, which
	// doubles it. It means nothing when wait is 0.
	BackoffMode string `yaml:"backoffMode,omitempty" rule:"enum=LINEAR|EXPONENTIAL,default=LINEAR"`
}

// Rollback starts a new rollout of the last release that succeeded.
type Rollback struct {
	// DestinationPhase is the phase the new rollout starts in.
	DestinationPhase string `yaml:"destinationPhase,omitempty" rule:"id,default=stable"`
	// DisableRollbackIfRolloutPending does nothing while another rollout of
	// the target is pending.
	DisableRollbackIfRolloutPending bool `yaml:"disableRollbackIfRolloutPending,omitempty" rule:"default=false"`
}

// TimedPromoteReleaseRule promotes a release at certain times.
type TimedPromoteReleaseRule struct {
	// ID names the rule, unique in the automation.
	ID string `yaml:"id" rule:"required,id,alias=name"`
	// Schedule is a crontab schedule of five fields, such as "0 9 * * 1".
	Schedule string `yaml:"schedule" rule:"required"`
	// TimeZone is an IANA time zone, such as America/New_York.
	TimeZone string `yaml:"timeZone" rule:"required"`
	// DestinationTargetID is the target to promote to.
	DestinationTargetID string `yaml:"destinationTargetId,omitempty" rule:"id,or=@next,default=@next"`
	// DestinationPhase is the phase the new rollout starts in.
	DestinationPhase string `yaml:"destinationPhase,omitempty" rule:"id,default=the first phase"`
}
