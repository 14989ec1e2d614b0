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

// Configuration is a pipeline with one canary stage, and its target, PIPELINE-prod.
type Configuration struct {
	Pipeline   string
	Endpoint   string // of the Cloud Run API
	APIVersion string // of the pipeline; "" is serin.dev/v1
	Canary     string // what is below canary:, not indented; "" is the standard strategy
	TaskQueue  string // of the target; "" is the default
	Suspended  bool
	NoTarget   bool // leaves the target out
}

// Target is the name of the configuration's target.
func (c Configuration) Target() string { return c.Pipeline + "-prod" }

// YAML is the configuration's two documents.
func (c Configuration) YAML() []byte {
	yaml := fmt.Sprintf(`apiVersion: %s
kind: DeliveryPipeline
metadata:
  name: %s
suspended: %t
serialPipeline:
  stages:
    - targetId: %s
      strategy:
        %s
`, cmp.Or(c.APIVersion, rollout.APIVersionSerin), c.Pipeline, c.Suspended, c.Target(),
		c.strategy())
	if c.NoTarget {
		return []byte(yaml)
	}
	yaml += fmt.Sprintf(`---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: %s
run:
  location: %s
  endpoint: %s
`, c.Target(), Parent, c.Endpoint)
	if c.TaskQueue != "" {
		yaml += "taskQueue: " + c.TaskQueue + "\n"
	}
	return []byte(yaml)
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
