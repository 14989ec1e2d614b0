package parallel_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/kube"
	"github.com/serin-dev/serin/test/load"
	"github.com/serin-dev/serin/test/world"
)

const (
	// name is that of the pipeline, of its objects in both clusters and of its Cloud Run service.
	name = "shop"
	// stage is the multi-target.
	stage = "fleet"
	// westQueue is polled by a worker of its own, as one inside that cluster would be.
	westQueue = "west"
)

// fleet is a multi-target of two clusters and a location of Cloud Run, to all of which requests
// come.
type fleet struct {
	*drive.Driver
	clusters map[string]*kube.Cluster // east, west
	loads    map[string]*load.Load    // east, west, run
}

// open starts the fleet, and takes v1 to all of it.
func open(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{clusters: map[string]*kube.Cluster{}, loads: map[string]*load.Load{}}
	for _, target := range []string{"east", "west"} {
		f.clusters[target] = kube.Start(t, kube.Options{})
	}
	f.Driver = start(t, name, stage)
	for _, c := range f.clusters {
		f.must(c.Apply(f.Ctx, place))
	}
	p, err := f.World.Process(f.Ctx, westQueue)
	f.must(err)
	t.Cleanup(func() {
		if killed := p.Kill(); killed != nil {
			t.Error(killed)
		}
	})
	f.Apply(f.yaml())
	f.Until(f.Release("v1", sources("v1")), drive.In(rollout.StateSucceeded))
	for target, c := range f.clusters {
		f.loads[target] = load.Start(f.Ctx, load.Options{URL: "http://" + c.Gateway + "/", Host: name + ".test", Answer: "X-Version", Rate: 50})
	}
	service, err := f.World.Run.Service(f.World.Service(name))
	f.must(err)
	at, err := url.Parse(service.Uri)
	f.must(err)
	f.loads["run"] = load.Start(f.Ctx, load.Options{URL: f.World.Run.URL() + "/", Host: at.Host, Rate: 50})
	return f
}

func (f *fleet) must(err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatal(err)
	}
}

func (f *fleet) yaml() []byte {
	return fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata:
  name: shop
serialPipeline:
  stages:
    - targetId: fleet
      strategy:
        canary:
          runtimeConfig:
            kubernetes:
              gatewayServiceMesh: {httpRoute: shop, service: shop, deployment: shop}
            cloudRun: {automaticTrafficControl: true}
          canaryDeployment:
            percentages: [50]
---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: fleet
multiTarget:
  targetIds: [east, west, run]
---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: east
kubernetes: {kubeconfig: %[1]q, namespace: shop}
---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: west
kubernetes: {kubeconfig: %[2]q, namespace: shop}
taskQueue: %[3]s
---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: run
run:
  location: %[4]s
  endpoint: %[5]s
`, f.clusters["east"].Kubeconfig, f.clusters["west"].Kubeconfig, westQueue, world.Parent, f.World.Run.URL())
}

// answers wants every one of the next requests to a target answered by the release.
func (f *fleet) answers(target, release string) {
	f.T.Helper()
	f.shares(target, map[string]int{release: 100})
}

// shares wants the next requests to a target answered in these shares, in percent, give or take.
func (f *fleet) shares(target string, want map[string]int) {
	f.T.Helper()
	const sample, tolerance = 100, 10
	got, err := f.loads[target].Next(f.Ctx, sample)
	f.must(err)
	got = f.releases(target, got)
	sum := 0
	for _, n := range got {
		sum += n
	}
	for release, n := range got {
		share := 100 * n / sum
		if off := share - want[release]; off < -tolerance || off > tolerance || want[release] == 0 {
			f.T.Errorf("%s of %s answers %d%%, want %v", release, target, share, want)
		}
	}
	if len(got) != len(want) {
		f.T.Errorf("%s was answered by %v, want %v", target, got, want)
	}
}

// releases names revisions of Cloud Run by their release.
func (f *fleet) releases(target string, answers map[string]int) map[string]int {
	f.T.Helper()
	if target != "run" {
		return answers
	}
	revisions, err := f.World.Revisions(f.Ctx, name)
	f.must(err)
	out := map[string]int{}
	for revision, n := range answers {
		image := revisions[revision].Containers[0].Image
		out[image[strings.LastIndexAny(image, "/:")+1:]] += n
	}
	return out
}

// close wants no request to have been lost anywhere.
func (f *fleet) close() {
	f.T.Helper()
	for target, l := range f.loads {
		got := l.Stop()
		f.T.Logf("%s: %d requests, %v", target, got.Requests, f.releases(target, got.Answers))
		if len(got.Failed) > 0 || got.Requests == 0 {
			f.T.Errorf("%s: %d of %d requests failed: %s", target, len(got.Failed), got.Requests,
				strings.Join(got.Failed[:min(3, len(got.Failed))], "\n  "))
		}
	}
}

// sources are the files of a release: what is for the clusters and what is for Cloud Run.
func sources(version string) map[string]string {
	return map[string]string{
		"app.yaml":     strings.ReplaceAll(app, "VERSION", version),
		"service.yaml": world.Manifest(name, image(version)),
	}
}

// image is that of the Cloud Run service.
func image(version string) string { return "serin.test/" + version }

const place = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  gatewayClassName: serin
  listeners:
    - {name: http, port: 80, protocol: HTTP}
`

const app = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: app
          image: serin.test/app:VERSION
          env:
            - {name: PRESTOP, value: 1s}
          ports:
            - containerPort: 8080
          readinessProbe:
            httpGet: {path: /healthz, port: 8080}
            periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app: shop}
  ports:
    - {name: http, port: 80, targetPort: 8080}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs:
    - name: shop
  hostnames: [shop.test]
  rules:
    - backendRefs:
        - {name: shop, port: 80}
`
