package cli

import (
	"errors"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestPlanOfClusters(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	const args = "plan --file testdata/mesh --pipeline shop --release v2 --source testdata/mesh/source --images app=reg.example/app:v2"
	observed := rollout.Observed{
		Exists: true, Split: rollout.Split{{Revision: "shop-0123456789", Percent: 100}}, Assumed: true,
		Note: "by pod count: 0 canary, 3 original: 0%",
	}
	check(t, []command{
		{name: "plan-clusters", args: args, down: down},
		{name: "plan-clusters-json", args: args + " --target gke --output json", down: down},
		{name: "live-clusters", args: args + " --target fleet --live", serin: &fake{observed: observed}},
	})
}

// The examples are what they say they are: nothing to report, and a plan.
func TestPlanOfExamples(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	for _, mode := range []string{"gateway", "ingress", "pods", "custom"} {
		folder := "../examples/kubernetes/" + mode
		file := folder + "/pipeline.yaml"
		check(t, []command{
			{name: "lint-example-" + mode, args: "lint --file " + file, down: down},
			{
				name: "plan-example-" + mode, down: down,
				args: "plan --file " + file + " --pipeline hello --release v2 --source " + folder + "/source --images serin.test/app=serin.test/app:v2",
			},
		})
	}
}
