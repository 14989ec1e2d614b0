package traffic_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/load"
)

// example is one folder of examples/kubernetes, with what its user has to put in their own.
type example struct {
	folder  string
	role    string
	host    string            // of the requests
	route   bool              // nothing in the example leads requests to its Service
	replace map[string]string // in all its files
}

// helloRoute sends a host to the Service of an example that has no route of its own.
func helloRoute(namespace string) string {
	return strings.NewReplacer("{name: shop, port: 80}", "{name: hello, port: 80}").Replace(route(namespace))
}

// play takes v1 and then v2 of the example to SUCCEEDED. During is called once v2 is under way.
func (e example) play(t *testing.T, s site, during func(sc *scene, v2 string)) {
	t.Helper()
	namespace := "m-example-" + e.folder
	setup := strings.ReplaceAll(place(namespace), "  name: shop\n", "  name: hello\n")
	if e.route {
		e.host, setup = namespace+".test", setup+"---\n"+helloRoute(namespace)
	}
	sc := s.make(t, namespace, options{role: e.role, setup: setup})
	sc.sample = 200
	files := e.files(t, sc)
	yaml := files["pipeline.yaml"]
	delete(files, "pipeline.yaml")
	sc.Driver.Apply([]byte(yaml))
	sc.Until(sc.example("v1", files), drive.In(rollout.StateSucceeded))
	sc.load = sc.stream(e.host, "/", nil)
	sc.only(sc.load, "v1", "v1")
	v2 := sc.example("v2", files)
	during(sc, v2)
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.only(sc.load, "v2", "v2")
	sc.nothingLeft()
}

// files are pipeline.yaml and the source of the example, by their paths in the source.
func (e example) files(t *testing.T, sc *scene) map[string]string {
	t.Helper()
	folder := filepath.Join("..", "..", "examples", "kubernetes", e.folder)
	words := []string{
		"name: hello\ndescription", "name: " + sc.Pipeline + "\ndescription",
		"targetId: local", "targetId: " + sc.Target, "name: local", "name: " + sc.Target,
		"namespace: default", "namespace: " + sc.namespace + "\n  kubeconfig: " + sc.kubeconfig,
		"wait: 10s", "wait: 1s",
	}
	for from, to := range e.replace {
		words = append(words, from, to)
	}
	out := map[string]string{}
	sc.must(filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, folder)), "/")
		out[strings.TrimPrefix(name, "source/")] = strings.NewReplacer(words...).Replace(string(content))
		return err
	}))
	return out
}

// example makes a release with the version's image in place of the one in the files.
func (s *scene) example(version string, files map[string]string) string {
	s.T.Helper()
	source, err := s.World.Source(s.Ctx, files)
	s.must(err)
	_, err = s.World.Client.CreateRelease(s.Ctx, rollout.CreateRequest{
		Pipeline: s.Pipeline, Release: version, Source: source, Actor: "ann",
		Images: map[string]string{"serin.test/app": "serin.test/app:" + version},
	})
	s.must(err)
	var name string
	s.must(s.Patient(func() (err error) {
		name, err = s.World.Client.WaitRollout(s.Ctx, s.Pipeline, version, s.Target)
		return err
	}))
	return name
}

func exampleGateway(t *testing.T, s site) {
	t.Helper()
	e := example{folder: "gateway", role: "gateway", host: "hello.example"}
	e.play(t, s, func(sc *scene, v2 string) {
		header, cookie := map[string]string{"X-Canary": "yes"}, map[string]string{"Cookie": "canary=yes"}
		testers := []*load.Load{sc.stream(e.host, "/", header), sc.stream(e.host, "/", cookie)}
		sc.Until(v2, after("testers"))
		for _, l := range testers {
			sc.only(l, "testers", "v2")
		}
		sc.only(sc.load, "all others", "v1")
		sc.Advance(v2, "quarter")
	})
}

func exampleIngress(t *testing.T, s site) {
	t.Helper()
	_, port, _ := strings.Cut(s.cluster.Gateway, ":")
	e := example{folder: "ingress", role: "ingress", host: "localhost", replace: map[string]string{
		"http://hello.example/": "http://localhost:" + port + "/", "host: hello.example": "host: localhost",
	}}
	e.play(t, s, func(sc *scene, v2 string) {
		chosen := sc.stream(e.host, "/", map[string]string{"X-Canary": "always"})
		sc.Until(v2, after("canary-25"))
		sc.only(chosen, "by header", "v2")
	})
}

func examplePods(t *testing.T, s site) {
	t.Helper()
	e := example{folder: "pods", role: "pods", route: true}
	e.play(t, s, func(sc *scene, v2 string) { sc.Until(v2, after("canary-50")) })
}

func exampleCustom(t *testing.T, s site) {
	t.Helper()
	e := example{folder: "custom", role: "manifests", route: true}
	e.play(t, s, func(sc *scene, v2 string) { sc.Until(v2, after("first")) })
}
