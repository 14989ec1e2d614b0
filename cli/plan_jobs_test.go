package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const checksPlan = "plan --file testdata/checks --pipeline shop --release v2 --source testdata/checks/source" +
	" --images app=reg.example/app:v2,smoke=reg.example/smoke:v2,db=reg.example/db:v2,probe=reg.example/probe:v2"

func TestPlanShowsWhatJobsDo(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	check(t, []command{
		{name: "plan-checks", args: checksPlan, down: down},
		{name: "plan-checks-json", args: checksPlan + " --target prod --output json", down: down},
		{
			name: "plan-checks-missing", down: down,
			args: "plan --file testdata/checks --pipeline shop --release v2 --source testdata/shop/source",
		},
		{name: "plan-checks-image", args: checksPlan + ",none=reg.example/none:v2", down: down},
	})
}

// The files hold a word where secrets may stand, and no plan shows it.
func TestPlanShowsNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for _, name := range []string{"clouddeploy.yaml", "source/skaffold.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata", "checks", name))
		if err != nil || !strings.Contains(string(content), secret) {
			t.Fatalf("%s has no secret: %v", name, err)
		}
	}
	shown, err := filepath.Glob(filepath.Join("testdata", "commands", "plan-checks*.txt"))
	if err != nil || len(shown) == 0 {
		t.Fatalf("nothing is shown: %v", err)
	}
	for _, name := range shown {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), secret) {
			t.Errorf("%s shows a secret", name)
		}
	}
}
