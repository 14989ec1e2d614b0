package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

func (c *CustomTarget) rules(at *judge) {
	atMostOne(at, []choice{{"kubernetes", c.Kubernetes != nil}, {"run", c.Run != nil}})
	if c.Kubernetes != nil {
		c.Kubernetes.rules(at.key("kubernetes"))
	}
	if c.Run != nil {
		c.Run.rules(at.key("run"))
	}
}

// place makes t a custom target, with the place where its containers run.
func (c *CustomTarget) place(t *rollout.Target) {
	t.Runtime = rollout.RuntimeCustom
	switch {
	case c.Kubernetes != nil:
		t.Cluster = c.Kubernetes.reached()
	case c.Run != nil:
		t.Location, t.Endpoint = c.Run.Location, c.Run.Endpoint
	}
}

// onCustom judges s for the custom target t, of which nothing can be seen.
func (s *Strategy) onCustom(t *Target, at *judge) {
	if s.Canary != nil && s.Canary.FailurePolicy == string(rollout.OnFailureRestore) {
		at.key("canary").key("onFailure").bad("target %q is %s: what it serves cannot be seen, so nothing can be put back; remove it, and roll back instead, such as by a repair rule of an automation",
			t.Metadata.Name, t.runs())
	}
	s.eachJobs(at, func(j Jobs, at *judge) {
		key := "verify"
		if j.VerifyConfig != nil {
			key = "verifyConfig"
		}
		for i, c := range j.verification().HTTP {
			item := at.key(key).key("http").item(i)
			unnamed(t, item.key("url"), httpWords(), c.URL)
			unnamed(t, item.key("body"), httpWords(), c.Body)
		}
	})
}

// onCustom judges that c asks about the custom target t what its query says by itself.
func (c MetricCheck) onCustom(t *Target, at *judge) {
	if c.Preset != "" {
		at.key("preset").bad("target %q is %s, of which no series are known: give a query", t.Metadata.Name, t.runs())
	}
	unnamed(t, at.key("query"), queryWords(), c.Query)
}

// unnamed reports words in text that stand for what only a cluster or Cloud Run has.
func unnamed(t *Target, at *judge, known words, text string) {
	for _, field := range []string{"CanaryURL", "Canary", "Stable", "Service", "Namespace"} {
		if known.uses(text, field) {
			at.bad("needs {{.%s}}, which has no value: target %q is %s", field, t.Metadata.Name, t.runs())
			return
		}
	}
}

// contract is what a CustomTargetType does for one target, and what its containers get.
type contract struct {
	custom   *CustomTargetType
	exchange rollout.Exchange // without its request
}

// contract is that of the custom target of l. A type that does not exist is reported by Check.
func (l leaf) contract(s *Strategy, parameters map[string]string) *contract {
	out := &contract{custom: l.custom, exchange: rollout.Exchange{Canary: s != nil && s.Canary != nil, Parameters: parameters}}
	if out.custom == nil {
		out.custom = &CustomTargetType{}
	}
	return out
}

// renders is what renders a phase, or nil where Serin does.
func (c *contract) renders() *Spec {
	switch {
	case c == nil:
	case c.custom.CustomActions != nil && c.custom.CustomActions.RenderAction != "":
		return c.asks(rollout.RequestRender, c.custom.CustomActions.RenderAction, nil)
	case c.custom.Tasks != nil && c.custom.Tasks.Render != nil:
		return c.asks(rollout.RequestRender, "", c.custom.Tasks.Render)
	}
	return nil
}

// deploy is the deploy job of a phase. Without c it is Serin's own, which needs no spec.
// One that has found out nothing, as when an image cannot be pulled, fails in any version.
func (c *contract) deploy() (rollout.Job, Spec) {
	job := rollout.Job{ID: rollout.JobDeploy}
	switch {
	case c == nil:
		return job, Spec{}
	case c.custom.CustomActions != nil:
		job.OnInconclusive = rollout.ActionFail
		return job, *c.asks(rollout.RequestDeploy, c.custom.CustomActions.DeployAction, nil)
	case c.custom.Tasks != nil:
		job.OnInconclusive = rollout.ActionFail
		return job, *c.asks(rollout.RequestDeploy, "", &c.custom.Tasks.Deploy)
	}
	return job, Spec{}
}

// asks makes a request of an action, or else of a task.
func (c *contract) asks(request, action string, task *Task) *Spec {
	exchange := c.exchange
	exchange.Request = request
	out := &Spec{JobSpec: rollout.JobSpec{Exchange: &exchange}}
	if task == nil {
		out.Actions = []string{action}
		return out
	}
	out.Tasks = []rollout.Task{task.frozen(strings.ToLower(request))}
	return out
}

// variable is what the containers of a custom target read the parameter key by.
func variable(key string) string {
	return reservedParameterName + regexp.MustCompile(`[^A-Za-z0-9_]`).ReplaceAllString(key, "_")
}

// taken are variables of every container, which no parameter can have.
func taken() []string {
	var out []string
	for _, name := range []string{
		"DELIVERY_PIPELINE", "TARGET", "RELEASE", "ROLLOUT", "PHASE", "JOB_RUN", "LOCATION", "PROJECT", "PROJECT_ID", "REQUEST_TYPE",
		"FEATURES", "PERCENTAGE_DEPLOY", "STORAGE_TYPE", "OUTPUT_GCS_PATH", "INPUT_GCS_PATH", "MANIFEST_GCS_PATH",
	} {
		out = append(out, reservedParameterName+name)
	}
	return out
}

// variables judges that each of the parameters own has a variable for itself among all.
func variables(at *judge, own, all map[string]string) {
	for _, k := range sortedKeys(own) {
		name := variable(k)
		if slices.Contains(taken(), name) {
			at.key(k).bad("would be %s for the containers of a customTarget, which is what they read something else by: rename it", name)
		}
		for _, other := range sortedKeys(all) {
			if other != k && variable(other) == name {
				at.key(k).bad("is %s for the containers of a customTarget, and so is %q: rename one of them", name, other)
				break
			}
		}
	}
}
