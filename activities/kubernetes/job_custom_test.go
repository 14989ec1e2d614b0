package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// Containers of a custom target run in the namespace that it names for them: there is no Deployment
// next to which they could. What names their run is no name of Kubernetes' own.
func TestContainersOfACustomTarget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, fmt.Appendf(nil, accessKubeconfig, "a", "prod"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := New(&fake.Artifacts{}, Options{})
	defer p.Close()
	for _, row := range []struct {
		cluster rollout.Cluster
		want    string
	}{
		{rollout.Cluster{Kubeconfig: path, Context: "test", Namespace: "tools"}, "tools"},
		{rollout.Cluster{Kubeconfig: path, Context: "test"}, "default"},
		{rollout.Cluster{Kubeconfig: path}, "shop"}, // that of the kubeconfig's context
	} {
		run := activities.TaskRun{
			Work: activities.Work{
				Pipeline: "shop", Rollout: "0192e4a1-7c1e-7d3a/renderings/shop/v2/" + fmt.Sprintf("%064d", 0) + "/prod/stable.json",
				Target: rollout.Target{Name: "prod", Runtime: rollout.RuntimeCustom, Cluster: &row.cluster},
			},
			Job: "render", Attempt: 1, Task: rollout.Task{ID: "task-1", Image: "render:1"}, Env: map[string]string{"CLOUD_DEPLOY_empty": ""},
		}
		s, err := p.open(t.Context(), "run task", run.Work)
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.jobObject(run)
		if err != nil {
			t.Fatal(err)
		}
		if o.GetNamespace() != row.want || s.jobRef(run).namespace != row.want {
			t.Errorf("it runs in %s, want %s", o.GetNamespace(), row.want)
		}
		for key, value := range o.GetLabels() {
			if wrong := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(wrong) > 0 {
				t.Errorf("label %s: %s: %v", key, value, wrong)
			}
		}
		if wrong := validation.IsDNS1123Label(o.GetName()); len(wrong) > 0 {
			t.Errorf("name %s: %v", o.GetName(), wrong)
		}
		if err := s.sameRun(o, run); err != nil {
			t.Errorf("it is not found again: %v", err)
		}
		if s.w.Rollout += "2"; s.sameRun(o, run) == nil {
			t.Error("another run is taken for it")
		}
	}
}
