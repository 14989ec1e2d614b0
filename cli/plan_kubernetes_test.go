package cli

import (
	"errors"
	"strings"
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

// Where the cluster says how many pods the original has, sizes and warnings are by that.
func TestPlanByTheNumbersOfTheCluster(t *testing.T) {
	t.Parallel()
	const (
		mesh = "plan --file testdata/mesh --pipeline shop --release v2 --source testdata/mesh/source --images app=reg.example/app:v2 --live"
		pods = "../examples/kubernetes/pods"
	)
	with := func(replicas int) *fake {
		return &fake{observed: rollout.Observed{
			Exists: true, Split: rollout.Split{{Revision: "shop-0123456789", Percent: 100}}, Replicas: &replicas,
		}}
	}
	check(t, []command{
		{name: "live-pods-fewer", args: mesh + " --target fleet", serin: with(3)},
		{name: "live-pods-fewer-json", args: mesh + " --target fleet --output json", serin: with(3)},
		{name: "live-pods-none", args: mesh + " --target fleet", serin: with(0)},
		{name: "live-pods-absent", args: mesh + " --target fleet", serin: &fake{}},
		{name: "live-pods-gateway", args: mesh + " --target gke", serin: with(2)},
		{name: "live-pods-ingress-none", args: mesh + " --target other", serin: with(0)},
		{
			name: "live-pods-constant", serin: with(10),
			args: "plan --file " + pods + "/pipeline.yaml --pipeline hello --release v2 --source " + pods + "/source --images serin.test/app=serin.test/app:v2 --live",
		},
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

// TestPlanOfFreshPods: a plan says what else begins in the cluster.
func TestPlanOfFreshPods(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printSplit(&out, &rollout.Kubernetes{
		Deployment: "shop", Fresh: true, Gateway: &rollout.Gateway{Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "web"}}},
	})
	const want = "split by the weights of HTTPRoute/web\n" +
		"as many pods of stable begin with the canary, to compare with: deployment shop-baseline\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
