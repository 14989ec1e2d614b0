package cli

import (
	"errors"
	"testing"
)

func TestPlanOfCustomTargets(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	const (
		site   = "plan --file ../examples/custom-target/pipeline.yaml --pipeline site --release v2 --source ../examples/custom-target/source"
		models = "plan --file testdata/models/pipeline.yaml --pipeline models --release v2 --source testdata/models/source --images tool=reg.example/tool:v2"
	)
	check(t, []command{
		{name: "lint-example-custom-target", args: "lint --file ../examples/custom-target/pipeline.yaml", down: down},
		{name: "plan-example-custom-target", args: site, down: down},
		{name: "plan-example-custom-target-json", args: site + " --output json", down: down},
		{name: "live-custom-target", args: site + " --live", down: down},
		{name: "plan-custom-actions", args: models, down: down},
		{name: "live-custom-actions", args: models + " --live", down: down},
		{name: "plan-custom-images", args: site + " --images app=reg.example/app:v2", down: down},
	})
}
