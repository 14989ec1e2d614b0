package pipeline

// DeployPolicy restricts actions on rollouts to certain times.
type DeployPolicy struct {
	Envelope `yaml:",inline"`

	// Suspended lets everything pass; what would have been a violation is
	// recorded.
	Suspended bool `yaml:"suspended,omitempty" rule:"default=false"`
	// Selectors say what the policy is for; one match is enough.
	Selectors []PolicySelector `yaml:"selectors" rule:"required,items=1.."`
	// Rules are its restrictions.
	Rules []PolicyRule `yaml:"rules" rule:"required,items=1.."`
}

// PolicySelector matches when both of its keys do.
type PolicySelector struct {
	// DeliveryPipeline matches pipelines.
	DeliveryPipeline *Attributes `yaml:"deliveryPipeline,omitempty"`
	// Target matches targets.
	Target *Attributes `yaml:"target,omitempty"`
}

// PolicyRule is one restriction.
type PolicyRule struct {
	// RolloutRestriction forbids actions within time windows.
	RolloutRestriction *RolloutRestriction `yaml:"rolloutRestriction" rule:"required"`
}

// RolloutRestriction forbids actions within time windows.
type RolloutRestriction struct {
	// ID names the rule, unique in the policy.
	ID string `yaml:"id" rule:"required,id"`
	// Actions are what is forbidden.
	Actions []string `yaml:"actions,omitempty" rule:"unique,enum=ADVANCE|APPROVE|CANCEL|CREATE|IGNORE_JOB|RETRY_JOB|ROLLBACK|TERMINATE_JOBRUN,default=all"`
	// Invokers are to whom.
	Invokers []string `yaml:"invokers,omitempty" rule:"unique,enum=USER|DEPLOY_AUTOMATION,default=both"`
	// TimeWindows are when.
	TimeWindows TimeWindows `yaml:"timeWindows" rule:"required"`
}

// TimeWindows are one or more windows in one time zone.
type TimeWindows struct {
	// TimeZone is an IANA time zone, such as America/New_York.
	TimeZone string `yaml:"timeZone" rule:"required"`
	// OneTimeWindows happen once.
	OneTimeWindows []OneTimeWindow `yaml:"oneTimeWindows,omitempty"`
	// WeeklyWindows happen every week.
	WeeklyWindows []WeeklyWindow `yaml:"weeklyWindows,omitempty"`
}

// OneTimeWindow happens once.
type OneTimeWindow struct {
	// Start is inclusive, "yyyy-mm-dd hh:mm".
	Start string `yaml:"start" rule:"required"`
	// End is exclusive, "yyyy-mm-dd hh:mm"; 24:00 is the end of the day.
	End string `yaml:"end" rule:"required"`
}

// WeeklyWindow happens every week. Without times it is the whole day.
type WeeklyWindow struct {
	// DaysOfWeek are the days.
	DaysOfWeek []string `yaml:"daysOfWeek,omitempty" rule:"unique,enum=MONDAY|TUESDAY|WEDNESDAY|THURSDAY|FRIDAY|SATURDAY|SUNDAY,default=every day"`
	// StartTime is inclusive, "hh:mm". Only together with endTime.
	StartTime string `yaml:"startTime,omitempty"`
	// EndTime is exclusive, "hh:mm"; 24:00 is the end of the day.
	EndTime string `yaml:"endTime,omitempty"`
}
