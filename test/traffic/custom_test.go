package traffic_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// byProfiles is a canary whose phases are manifests of the user's.
const byProfiles = `          customCanaryDeployment:
            phaseConfigs:
              - {phaseId: canary-25, percentage: 25, profiles: [next]}
              - {phaseId: canary-50, percentage: 50, profiles: [half]}
              - {phaseId: stable, percentage: 100, profiles: [stable]}
`

// customFiles have three pods in stable, and beside them one in the first phase and three in the
// second, which changes a ConfigMap of stable too.
func customFiles(version string) map[string]string {
	deployment, services, _ := strings.Cut(app(version), "---\n")
	sized := func(name, copied, replicas string) string {
		return strings.NewReplacer("  name: shop\n", "  name: "+name+"\n", "replicas: 4", "replicas: "+replicas, "{app: shop}", "{app: shop, copy: "+copied+"}").Replace(deployment) + "---\n"
	}
	config := func(name, value string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {VALUE: " + value + "}\n---\n"
	}
	return map[string]string{
		"skaffold.yaml": `apiVersion: skaffold/v4beta7
kind: Config
manifests: {}
profiles:
  - {name: next, manifests: {rawYaml: [next.yaml]}}
  - {name: half, manifests: {rawYaml: [half.yaml]}}
  - {name: stable, manifests: {rawYaml: [stable.yaml]}}
`,
		"next.yaml":   sized("shop-next", "b", "1") + config("shop-next", version),
		"half.yaml":   sized("shop-next", "b", "3") + config("shop-next", version) + config("shop-config", "half of "+version),
		"stable.yaml": sized("shop", "a", "3") + config("shop-config", version) + services,
	}
}

func (s site) custom(t *testing.T, namespace, setup string) *scene {
	t.Helper()
	return s.make(t, namespace, options{canary: byProfiles, role: "manifests", shared: true, setup: setup + route(namespace), files: customFiles})
}

// configured is the value in a ConfigMap of the scene, "" if it is not there.
func (s *scene) configured(name string) string {
	s.T.Helper()
	for _, o := range s.all(core("configmaps")) {
		if o.GetName() == name {
			value, _, _ := unstructured.NestedString(o.Object, "data", "VALUE")
			return value
		}
	}
	return ""
}

// phased wants the objects that only the phases make to be there, or not, and the ConfigMap of both.
func (s *scene) phased(there bool, config string) {
	s.T.Helper()
	if got := s.spec(deployments(), "shop-next") != nil; got != there {
		s.T.Errorf("it is %t that the phases' Deployment is there", got)
	}
	if got := s.configured("shop-next") != ""; got != there {
		s.T.Errorf("it is %t that the phases' ConfigMap is there", got)
	}
	if got := s.configured("shop-config"); got != config {
		s.T.Errorf("the ConfigMap of stable says %q, want %q", got, config)
	}
}

// customFull: each phase is its manifest, and at the end stable's is all there is.
func customFull(t *testing.T, s site) {
	t.Helper()
	sc := s.custom(t, "m-custom", "")
	sc.begin("/")
	sc.phased(false, "v1")
	for _, version := range []string{"v2", "v3"} { // v3 is the first with a recorded stable release that had phases
		name := sc.Release(version, sc.files(version))
		sc.through(name, version, "canary-25")
		sc.phased(true, map[string]string{"v2": "v1", "v3": "v2"}[version])
		sc.Advance(name, "canary-50")
		got := sc.Until(name, after("canary-50"))
		sc.gives("canary-50", version, 50)
		sc.phased(true, "half of "+version)
		if ph, _ := got.Phase("canary-50"); !ph.Custom {
			t.Errorf("nothing says that 50%% is only what was configured: %+v", ph)
		}
		sc.Advance(name, rollout.StablePhase)
		sc.Until(name, drive.In(rollout.StateSucceeded))
		sc.gives("stable", version, 100)
		sc.phased(false, version)
	}
	sc.end()
}

// customRestored: the manifest of what was promoted last is applied again, and what only the phases made goes.
func customRestored(t *testing.T, s site) {
	t.Helper()
	sc := s.custom(t, "m-restored", "")
	sc.begin("/")
	sc.quota()
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.Advance(v2, "canary-50")
	got := sc.Until(v2, drive.In(rollout.StateFailed))
	if !drive.Has(got, "exceeded quota") || !got.Restored {
		t.Errorf("want the quota and a restore in %v", drive.Path(got))
	}
	sc.gives("restored", "v2", 0)
	sc.phased(false, "v1")

	// A restore that is asked for does the same.
	v3 := sc.Release("v3", sc.files("v3"))
	sc.through(v3, "v3", "canary-25")
	sc.restore(v3)
	sc.gives("cancelled", "v3", 0)
	sc.phased(false, "v1")
	sc.end()
}

// customHeld: what was there before any release has no manifest to go back to.
func customHeld(t *testing.T, s site) {
	t.Helper()
	sc := s.custom(t, "m-held", strings.ReplaceAll(customFiles("v1")["stable.yaml"], "metadata:\n  name: shop\n", "metadata:\n  name: shop\n  namespace: m-held\n")+"---\n")
	sc.sample = 200
	sc.law = watchLaw(sc.Ctx, t, s.cluster, sc.namespace)
	sc.must(s.cluster.Wait(sc.Ctx, deployments(), key(sc.namespace, service), available(3)))
	sc.served("m-held.test")
	sc.load = sc.stream("m-held.test", "/", nil)
	sc.quota()
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.Advance(v2, "canary-50")
	got := sc.Until(v2, func(r client.Rollout) bool { return stopped(r) })
	if got.Restored || !drive.Has(got, "exceeded quota") || !drive.Has(got, "no rollout has recorded the manifest") {
		t.Errorf("want the quota, and why it is not restored, in %v", drive.Path(got))
	}
	sc.gives("held", "v2", 40) // two of its pods fit into the quota
	sc.phased(true, "half of v2")
	sc.end()
}

// google: a pipeline as Cloud Deploy has it waits before its first stable, and holds what fails.
func google(t *testing.T, s site) {
	t.Helper()
	sc := s.make(t, "m-google", options{})
	yaml := pipelineYAML("m-google", byGateway(""), sc.kubeconfig, rollout.DefaultTaskQueue)
	sc.Driver.Apply([]byte(strings.Replace(string(yaml), rollout.APIVersionSerin, rollout.APIVersionGoogle, 1)))
	sc.sample = 200
	sc.law = watchLaw(sc.Ctx, t, s.cluster, sc.namespace)
	v1 := sc.Release("v1", sc.files("v1"))
	got := sc.Until(v1, drive.AsksFor(rollout.StablePhase))
	if ph, _ := got.Phase("canary-25"); ph.State != rollout.PhaseSkipped {
		t.Errorf("canary-25 is %s, want it skipped", ph.State)
	}
	if sc.spec(deployments(), service) != nil {
		t.Error("the first rollout did not wait before stable")
	}
	sc.Advance(v1, rollout.StablePhase)
	sc.Until(v1, drive.In(rollout.StateSucceeded))
	sc.load = sc.stream("m-google.test", "/", nil)

	sc.quota()
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.Advance(v2, "canary-50")
	got = sc.Until(v2, drive.In(rollout.StateFailed))
	if got.Restored || drive.Has(got, "restored") {
		t.Errorf("it went back by itself: %v", drive.Path(got))
	}
	sc.gives("held", "v2", 25)
	sc.end()
}
