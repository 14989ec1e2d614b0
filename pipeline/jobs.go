package pipeline

import "time"

// Jobs are what runs around a deploy. Order inside a phase: predeploy, deploy,
// verify, analysis, postdeploy.
type Jobs struct {
	// Verify is true to run skaffold verify, or an object with tasks; the
	// object means the same as verifyConfig.
	Verify *Verify `yaml:"verify,omitempty" rule:"default=false"`
	// VerifyConfig verifies with containers. Not together with verify.
	VerifyConfig *VerifyConfig `yaml:"verifyConfig,omitempty"`
	// Predeploy runs before the deploy.
	Predeploy *Hook `yaml:"predeploy,omitempty"`
	// Postdeploy runs at the end.
	Postdeploy *Hook `yaml:"postdeploy,omitempty"`
	// Analysis watches the deployed version for a while.
	Analysis *Analysis `yaml:"analysis,omitempty"`
}

// VerifyConfig verifies with containers.
type VerifyConfig struct {
	// Tasks run one after another; the first failure fails the job.
	Tasks []Task `yaml:"tasks" rule:"required,items=1.."`
}

// Hook is a predeploy or postdeploy job: either actions or tasks. Hooks can be
// retried, so they must be idempotent.
type Hook struct {
	// Actions are Skaffold custom actions.
	Actions []string `yaml:"actions,omitempty" rule:"items=1.."`
	// Tasks are containers that run one after another; the first failure fails
	// the job.
	Tasks []Task `yaml:"tasks,omitempty" rule:"items=1.."`
}

// Task is one container that runs to its end; exit code 0 is success.
type Task struct {
	// Container is what runs.
	Container Container `yaml:"container" rule:"required"`
}

// Container is an image and how it is started.
type Container struct {
	// Image is the container image.
	Image string `yaml:"image" rule:"required"`
	// Command replaces the image's entrypoint.
	Command []string `yaml:"command,omitempty"`
	// Args replace the image's arguments.
	Args []string `yaml:"args,omitempty"`
	// Env are environment variables.
	Env map[string]string `yaml:"env,omitempty"`
}

// Analysis watches the deployed version. The first check that fails fails the
// job at once; the job succeeds only when the whole duration has passed.
type Analysis struct {
	// Duration is how long to watch, at most 48 hours. A check still running
	// at the end is waited for.
	Duration Duration `yaml:"duration" rule:"required,duration=1s..48h"`
	// GoogleCloud checks alerts of Cloud Monitoring.
	GoogleCloud *GoogleCloudAnalysis `yaml:"googleCloud,omitempty"`
	// CustomChecks run containers.
	CustomChecks []CustomCheck `yaml:"customChecks,omitempty"`
}

// GoogleCloudAnalysis checks alerts of Cloud Monitoring.
type GoogleCloudAnalysis struct {
	// AlertPolicyChecks fail while an alert is active.
	AlertPolicyChecks []AlertPolicyCheck `yaml:"alertPolicyChecks" rule:"required,items=1.."`
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

// VerifyTasks are the containers that verify, whichever key they were given by.
func (j Jobs) VerifyTasks() []Task {
	switch {
	case j.VerifyConfig != nil:
		return j.VerifyConfig.Tasks
	case j.Verify != nil:
		return j.Verify.Tasks
	}
	return nil
}

// Verifies reports whether there is a verify job.
func (j Jobs) Verifies() bool {
	return j.VerifyConfig != nil || (j.Verify != nil && (j.Verify.Skaffold || len(j.Verify.Tasks) > 0))
}

func (j Jobs) rules(at *judge) {
	if j.VerifyConfig != nil && j.Verify != nil && (j.Verify.Skaffold || len(j.Verify.Tasks) > 0) {
		at.key("verifyConfig").bad("cannot be used together with verify: keep one of them")
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

func (h *Hook) rules(at *judge) {
	exactlyOne(at, []choice{{"actions", h.Actions != nil}, {"tasks", h.Tasks != nil}})
}

func (a *Analysis) rules(at *judge) {
	names := newIDs()
	if a.GoogleCloud != nil {
		for i, c := range a.GoogleCloud.AlertPolicyChecks {
			names.add(at.key("googleCloud").key("alertPolicyChecks").item(i).key("id"), c.ID)
		}
	}
	for i, c := range a.CustomChecks {
		names.add(at.key("customChecks").item(i).key("id"), c.ID)
	}
}
