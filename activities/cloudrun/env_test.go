package cloudrun_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/providertest"
	"github.com/serin-dev/serin/rollout"
)

const (
	location = "projects/acme/locations/europe-west1"
	service  = location + "/services/shop"

	latestType = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	namedType  = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
)

// env is the provider under test and the region it talks to.
type env struct {
	*testing.T
	*cloudrun.Provider
	region    *cloudruntest.Server
	artifacts *fake.Artifacts
	previous  string // the tag of that name; "" is none
}

func newEnv(t *testing.T, opts cloudruntest.Options) *env {
	t.Helper()
	region := cloudruntest.StartTest(t, opts)
	region.Handle("*", http.NotFoundHandler())
	artifacts := &fake.Artifacts{}
	return &env{
		T: t, region: region, artifacts: artifacts,
		Provider: cloudrun.New(artifacts, cloudrun.WithPolling(time.Millisecond, 4*time.Millisecond)),
	}
}

func manifest(release string) string {
	return fmt.Sprintf(`apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: shop
spec:
  template:
    spec:
      containers:
        - image: example/shop:%s
          env:
            - {name: MODE, value: fast}
`, release)
}

func (e *env) work(release string) activities.Work {
	e.Helper()
	return e.workFor(release, manifest(release))
}

func (e *env) workFor(release, yaml string) activities.Work {
	e.Helper()
	digest, err := e.artifacts.Put(e.Context(), []byte(yaml))
	if err != nil {
		e.Fatal(err)
	}
	return activities.Work{
		Rollout: release + "-to-prod-0001", Pipeline: "web", Release: release, Digest: "sha256:" + release, Manifest: digest,
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeCloudRun, TaskQueue: "serin", Location: location, Endpoint: e.region.URL(),
		},
		CloudRun: &rollout.CloudRun{
			Service: "shop", CanaryTags: []string{"canary"}, PriorTags: []string{"prior"}, StableTags: []string{"live"},
			Previous: e.previous,
		},
	}
}

// writes counts requests that ask for a change, broken ones included.
func (e *env) writes() int { return len(e.masks()) }

// masks lists the update masks of the writes so far; a create has the mask "create".
func (e *env) masks() []string {
	var out []string
	for _, r := range e.region.Log() {
		switch {
		case r.Method == http.MethodGet, strings.HasSuffix(r.Path, ":wait"), strings.Contains(r.Query, "validateOnly=true"):
		case r.Method == http.MethodPost:
			out = append(out, "create")
		default:
			out = append(out, r.Mask)
		}
	}
	return out
}

func (e *env) inject(f cloudruntest.Fault) (remove func()) {
	e.Helper()
	remove, err := e.region.Inject(f)
	if err != nil {
		e.Fatal(err)
	}
	return remove
}

func (e *env) patch(by string, change func(*run.GoogleCloudRunV2Service)) {
	e.Helper()
	if err := e.region.ExternalPatch(service, change, by); err != nil {
		e.Fatal(err)
	}
}

func (e *env) live() *run.GoogleCloudRunV2Service {
	e.Helper()
	svc, err := e.region.Service(service)
	if err != nil {
		e.Fatal(err)
	}
	return svc
}

func (e *env) observe(w activities.Work) rollout.Observed {
	e.Helper()
	o, err := e.Observe(e.Context(), w)
	must(e, err)
	return o
}

// followLatest is how a service looks that was deployed by hand.
func (e *env) followLatest() {
	e.Helper()
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) {
		svc.Traffic = []*run.GoogleCloudRunV2TrafficTarget{{Type: latestType, Percent: 100}}
	})
}

// serve makes v1 the stable release by the commands of a first rollout.
func (e *env) serve() string {
	e.Helper()
	w := at(e.work("v1"), rollout.StablePhase, 100)
	must(e, e.Promote(e.Context(), w))
	must(e, e.SetWeight(e.Context(), w))
	return e.observe(w).Revision
}

// canary is a step of a canary phase, with stable being what serves.
func (e *env) canary(release, stable string, weight rollout.Weight) activities.Work {
	e.Helper()
	w := at(e.work(release), fmt.Sprintf("canary-%d", weight), weight)
	w.Stable = stable
	return w
}

func at(w activities.Work, phase string, weight rollout.Weight) activities.Work {
	w.Phase, w.Weight, w.Promotion = phase, weight, phase == rollout.StablePhase
	return w
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantKind(tb testing.TB, err error, want rollout.Kind) {
	tb.Helper()
	if got := rollout.KindOf(err); got != want {
		tb.Errorf("error is %v of kind %q, want %q", err, got, want)
	}
}

func TestLaws(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]cloudruntest.Options{
		"at once":     {},
		"slowly":      {Latency: 3 * time.Millisecond},
		"strict etag": {Etag: cloudruntest.EtagStrict},
		"bare latest": {BareLatest: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T) providertest.Harness {
				t.Helper()
				return newEnv(t, opts).harness()
			})
		})
	}
	t.Run("with a previous revision", func(t *testing.T) {
		t.Parallel()
		providertest.Run(t, func(t *testing.T) providertest.Harness {
			t.Helper()
			e := newEnv(t, cloudruntest.Options{})
			e.previous = "before"
			return e.harness()
		})
	})
}

func (e *env) harness() providertest.Harness {
	release := func() {}
	return providertest.Harness{
		Platform: e.Provider,
		Work:     e.work,
		Hold: func(string) {
			release = e.inject(cloudruntest.Fault{Kind: cloudruntest.Stuck, Method: http.MethodPatch, Times: 1})
		},
		MakeReady: func(string) { release() },
		Fail: func(r, reason string) {
			if reason == "" {
				e.region.HealImage("example/shop:" + r)
				return
			}
			must(e, e.region.FailImage("example/shop:"+r, "HEALTH_CHECK_CONTAINER_ERROR", reason))
		},
		Meddle: func(by, revision string) {
			e.patch(by, func(svc *run.GoogleCloudRunV2Service) {
				svc.Traffic = []*run.GoogleCloudRunV2TrafficTarget{{Type: namedType, Revision: revision, Percent: 100}}
			})
		},
		Keep: func(spec []byte) string {
			digest, err := e.artifacts.Put(e.Context(), spec)
			must(e, err)
			return digest
		},
		Break: func(_ int, when providertest.When) func() { // a command writes once at most
			kind := cloudruntest.ResetBeforeApply
			if when == providertest.After {
				kind = cloudruntest.ResetAfterApply
			}
			patch := e.inject(cloudruntest.Fault{Kind: kind, Method: http.MethodPatch, Times: 1})
			create := e.inject(cloudruntest.Fault{Kind: kind, Method: http.MethodPost, Path: "*/services", Times: 1})
			return func() { patch(); create() }
		},
		Writes: e.writes,
	}
}

func apiOf(t *testing.T, root string) *run.ProjectsLocationsService {
	t.Helper()
	c, err := run.NewService(t.Context(), option.WithEndpoint(root), option.WithoutAuthentication())
	must(t, err)
	return c.Projects.Locations
}
