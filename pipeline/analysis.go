package pipeline

import "time"

// Analysis watches the deployed version. The first check that fails fails the
// job at once; the job succeeds only when the whole duration has passed.
type Analysis struct {
	// Duration is how long to watch, at most 48 hours. A check still running
	// at the end is waited for.
	Duration Duration `yaml:"duration" rule:"required,duration=1s..48h"`
	Checks   `yaml:",inline"`
}

// Checks are what is watched, and what follows from what is found. Under
// serin.dev/v1 there is at least one check.
type Checks struct {
	// Prometheus asks a server of metrics.
	Prometheus *Prometheus `yaml:"prometheus,omitempty" rule:"extension"`
	// GoogleCloud checks alerts of Cloud Monitoring and errors of Error
	// Reporting.
	GoogleCloud *GoogleCloudAnalysis `yaml:"googleCloud,omitempty"`
	// CustomChecks run containers.
	CustomChecks []CustomCheck `yaml:"customChecks,omitempty"`
	// FailAction is what a check that fails does: fail fails the job, and
	// onFailure of the canary decides about the traffic; hold leaves the traffic
	// as it is until a person decides.
	FailAction string `yaml:"onFail,omitempty" rule:"extension,enum=fail|hold,default=fail"`
	// InconclusiveAction is what checks do that have found out nothing, such as
	// for want of samples.
	InconclusiveAction string `yaml:"onInconclusive,omitempty" rule:"extension,enum=hold|fail|pass,default=hold under serin.dev/v1; fail under deploy.cloud.google.com/v1"`
	// ExpireAfter is how long a hold waits for a person. Then the job fails.
	ExpireAfter Wait `yaml:"expireAfter,omitempty" rule:"extension,duration=1m..336h,default=24h"`
	// UnreachableAfter is how long no server of metrics may answer before the job
	// fails. Until then the traffic stays as it is, and the duration stands still.
	UnreachableAfter Wait `yaml:"unreachableAfter,omitempty" rule:"extension,duration=10s..48h,default=15m"`
}

// GoogleCloudAnalysis checks alerts of Cloud Monitoring and errors of Error
// Reporting: at least one of its keys is given.
type GoogleCloudAnalysis struct {
	// AlertPolicyChecks fail while an alert is active.
	AlertPolicyChecks []AlertPolicyCheck `yaml:"alertPolicyChecks,omitempty" rule:"items=1.."`
	// ErrorReportingChecks fail when the new version brings a new error.
	ErrorReportingChecks []ErrorReportingCheck `yaml:"errorReportingChecks,omitempty" rule:"extension,items=1..20"`
}

// AlertPolicyCheck fails while an alert of its policies is active.
type AlertPolicyCheck struct {
	// ID names the check, unique in the analysis.
	ID string `yaml:"id" rule:"required,id"`
	// AlertPolicies are names of alert policies.
	AlertPolicies []string `yaml:"alertPolicies" rule:"required,items=1..,unique,format=projects/*/alertPolicies/*"`
	// Labels leave only the alerts that have all of them.
	Labels map[string]string `yaml:"labels,omitempty"`
}

// ErrorReportingCheck fails when Error Reporting has an error group that it has
// first seen on the new revision.
type ErrorReportingCheck struct {
	// ID names the check, unique in the analysis.
	ID string `yaml:"id" rule:"required,id"`
	// Project is the id of the Google Cloud project that the errors are in.
	Project string `yaml:"project" rule:"required,length=100"`
	// Service is the name of the service in Error Reporting.
	Service string `yaml:"service,omitempty" rule:"length=256,default=the name of the service that is rolled out"`
}

// CustomCheck runs a container again and again; a non-zero exit code fails.
type CustomCheck struct {
	// ID names the check, unique in the analysis.
	ID string `yaml:"id" rule:"required,id"`
	// Frequency is the time between two runs, at least 5 minutes.
	Frequency *Duration `yaml:"frequency,omitempty" rule:"duration=5m..,default=300s"`
	// Task is what runs.
	Task Task `yaml:"task" rule:"required"`
}

// Every is the time between two runs of c.
func (c CustomCheck) Every() time.Duration {
	if c.Frequency == nil {
		return 5 * time.Minute
	}
	return time.Duration(*c.Frequency)
}
