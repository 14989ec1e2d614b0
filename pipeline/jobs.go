package pipeline

// Jobs are what runs around a deploy. Order inside a phase: predeploy, deploy,
// verify, analysis, postdeploy.
type Jobs struct {
	// Verify is true to run skaffold verify, or an object with tasks; the
	// object means the same as verifyConfig.
	Verify *Verify `yaml:"verify,omitempty" rule:"default=false"`
	// VerifyConfig verifies with containers and requests. Not together with
	// verify.
	VerifyConfig *VerifyConfig `yaml:"verifyConfig,omitempty"`
	// Predeploy runs before the deploy.
	Predeploy *Hook `yaml:"predeploy,omitempty"`
	// Postdeploy runs at the end.
	Postdeploy *Hook `yaml:"postdeploy,omitempty"`
	// Analysis watches the deployed version for a while.
	Analysis *Analysis `yaml:"analysis,omitempty"`
}

// VerifyConfig verifies with containers and requests. Under serin.dev/v1 one of
// its keys is required, under deploy.cloud.google.com/v1 tasks is.
type VerifyConfig struct {
	// Tasks run one after another; the first failure fails the job.
	Tasks []Task `yaml:"tasks,omitempty" rule:"items=1.."`
	// HTTP are requests that a worker makes after the tasks, one after another;
	// the first that is not answered as expected fails the job.
	HTTP []HTTPCheck `yaml:"http,omitempty" rule:"extension,items=1..50"`
}

// HTTPCheck is one request and the answer that is expected. A worker sends it only
// to the service itself and to the hosts that its SERIN_HTTP_HOSTS allows.
type HTTPCheck struct {
	// ID names the check, unique in its list.
	ID string `yaml:"id" rule:"required,id"`
	// Method of the request.
	Method string `yaml:"method,omitempty" rule:"enum=GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS,default=GET"`
	// URL is absolute, and may hold {{.CanaryURL}}, {{.Service}}, {{.Release}},
	// {{.Target}} and {{.Phase}}.
	URL string `yaml:"url" rule:"required,length=2048"`
	// Headers of the request. They are no place for credentials: whoever may
	// read the release reads them.
	Headers map[string]string `yaml:"headers,omitempty"`
	// Body of the request; it may hold what url may.
	Body string `yaml:"body,omitempty" rule:"length=4096"`
	// Status is the expected status code.
	Status int `yaml:"status,omitempty" rule:"range=100..599,default=200"`
	// Match is an expression (RE2) that the body of the response must match
	// somewhere.
	Match string `yaml:"match,omitempty" rule:"length=1024,default=any body"`
	// Attempts is how often it is tried before it has failed.
	Attempts int `yaml:"attempts,omitempty" rule:"range=1..20,default=1"`
	// Interval is the time between two attempts.
	Interval Wait `yaml:"interval,omitempty" rule:"duration=100ms..10m,default=1s"`
	// Timeout is how long one attempt may take.
	Timeout Wait `yaml:"timeout,omitempty" rule:"duration=100ms..5m,default=10s"`
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

// verification is what verifies besides Skaffold, whichever key it was given by.
func (j Jobs) verification() VerifyConfig {
	switch {
	case j.VerifyConfig != nil:
		return *j.VerifyConfig
	case j.Verify != nil:
		return VerifyConfig{Tasks: j.Verify.Tasks, HTTP: j.Verify.HTTP}
	}
	return VerifyConfig{}
}

// VerifyTasks are the containers that verify, whichever key they were given by.
func (j Jobs) VerifyTasks() []Task { return j.verification().Tasks }

// Verifies reports whether there is a verify job.
func (j Jobs) Verifies() bool { return j.VerifyConfig != nil || j.Verify.asks() }

// asks reports whether v is there and not false.
func (v *Verify) asks() bool { return v != nil && (v.Skaffold || len(v.Tasks)+len(v.HTTP) > 0) }
