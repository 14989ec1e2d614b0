package world

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Manifest is a Cloud Run service as Cloud Deploy reads it.
func Manifest(service, image string) string {
	return fmt.Sprintf(`apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: %s
spec:
  template:
    spec:
      containers:
        - image: %s
`, service, image)
}

// Configuration is a pipeline with canary stages, and their targets.
type Configuration struct {
	Pipeline   string
	Endpoint   string // of the Cloud Run API
	APIVersion string // of the pipeline; "" is serin.dev/v1
	Canary     string // what is below canary:, not indented; "" is the standard strategy
	TaskQueue  string // of the targets; "" is the default
	Settings   string // further keys of the targets, not indented, such as "requireApproval: true"
	Stages     int    // how many there are; 0 is one
	Suspended  bool
	NoTarget   bool // leaves the targets out
}

// Target is the name of the first stage's target.
func (c Configuration) Target() string { return c.Stage(0) }

// Stage is the name of the target of the stage at index i: PIPELINE-prod, PIPELINE-prod-2.
func (c Configuration) Stage(i int) string {
	if i == 0 {
		return c.Pipeline + "-prod"
	}
	return fmt.Sprintf("%s-prod-%d", c.Pipeline, i+1)
}

// StageLocation is the location of the stage at index i. Each has its own, and so a service of its own.
func StageLocation(i int) string { return fmt.Sprintf("europe-west%d", i+1) }

// YAML is the configuration's documents: the pipeline's and one for each target.
func (c Configuration) YAML() []byte {
	yaml := fmt.Sprintf(`apiVersion: %s
kind: DeliveryPipeline
metadata:
  name: %s
suspended: %t
serialPipeline:
  stages:
`, cmp.Or(c.APIVersion, rollout.APIVersionSerin), c.Pipeline, c.Suspended)
	for i := range max(1, c.Stages) {
		yaml += fmt.Sprintf("    - targetId: %s\n      strategy:\n        %s\n", c.Stage(i), c.strategy())
	}
	if c.NoTarget {
		return []byte(yaml)
	}
	for i := range max(1, c.Stages) {
		yaml += c.target(i)
	}
	return []byte(yaml)
}

func (c Configuration) target(i int) string {
	yaml := fmt.Sprintf(`---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: %s
run:
  location: projects/%s/locations/%s
  endpoint: %s
`, c.Stage(i), Project, StageLocation(i), c.Endpoint)
	if c.TaskQueue != "" {
		yaml += "taskQueue: " + c.TaskQueue + "\n"
	}
	if c.Settings != "" {
		yaml += strings.TrimSpace(c.Settings) + "\n"
	}
	return yaml
}

func (c Configuration) strategy() string {
	if c.Canary == "" {
		return "standard: {}"
	}
	return "canary:\n          " + strings.ReplaceAll(strings.TrimSpace(c.Canary), "\n", "\n          ")
}

// Percentages is an automated canary for Configuration.Canary. extra is the rest of
// canaryDeployment on one line, such as "advance: {mode: automatic}".
func Percentages(percentages []int, extra string) string {
	steps := strings.Trim(strings.ReplaceAll(fmt.Sprint(percentages), " ", ", "), "[]")
	return fmt.Sprintf(`runtimeConfig:
  cloudRun:
    automaticTrafficControl: true
canaryDeployment:
  percentages: [%s]
  %s`, steps, extra)
}

// Pipeline is a pipeline with one automated canary and its target on endpoint.
func Pipeline(name, endpoint string, percentages []int, extra string) string {
	return string(Configuration{Pipeline: name, Endpoint: endpoint, Canary: Percentages(percentages, extra)}.YAML())
}

// ManyLocation is where the child at index i of Many is.
func ManyLocation(i int) string { return fmt.Sprintf("region-%03d", i) }

// Many is a pipeline with one canary stage, the multi-target stage of n children, each at a
// location of Cloud Run of its own.
func Many(pipeline, stage, endpoint string, n int, percentages []int) []byte {
	var children, targets strings.Builder
	for i := range n {
		child := fmt.Sprintf("%s-%03d", stage, i)
		fmt.Fprintf(&children, "\n    - %s", child)
		fmt.Fprintf(&targets, `---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: %s
run:
  location: projects/%s/locations/%s
  endpoint: %s
`, child, Project, ManyLocation(i), endpoint)
	}
	c := Configuration{Pipeline: pipeline, Canary: Percentages(percentages, "")}
	return fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata:
  name: %s
serialPipeline:
  stages:
    - targetId: %s
      strategy:
        %s
---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: %s
multiTarget:
  targetIds:%s
%s`, pipeline, stage, c.strategy(), stage, children.String(), targets.String())
}
