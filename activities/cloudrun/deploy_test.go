package cloudrun_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// shares lists the split history of the service, such as "shop-1 100%".
func (e *env) shares() []string {
	var out []string
	for _, s := range e.region.Splits(service) {
		var split rollout.Split
		for name, percent := range s.Shares {
			split = append(split, rollout.Share{Revision: name, Percent: rollout.Weight(percent)})
		}
		if text := split.String(); len(out) == 0 || out[len(out)-1] != text {
			out = append(out, text)
		}
	}
	return out
}

func wantList(tb testing.TB, what string, got, want []string) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("%s are\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestFirstRolloutCreatesOneNamedRevision(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	revision := e.serve()
	if !strings.HasPrefix(revision, "shop-") || len(revision) != len("shop-")+10 {
		t.Errorf("revision is %s, want shop- and ten digits", revision)
	}
	wantList(t, "writes", e.masks(), []string{"create", "traffic"}) // the stable tag
	svc := e.live()
	if svc.Template.Annotations["serin.dev/release-digest"] != "sha256:v1" {
		t.Errorf("template has annotations %v", svc.Template.Annotations)
	}
	want := map[string]string{"serin.dev/pipeline": "web", "serin.dev/rollout": "v1-to-prod-0001"}
	if !maps.Equal(svc.Annotations, want) {
		t.Errorf("service has annotations %v, want %v", svc.Annotations, want)
	}
}

func TestDeployPinsLatestFirst(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.followLatest()
	before := len(e.masks())
	w := e.canary("v2", first, 25)
	must(t, e.Deploy(t.Context(), w))
	wantList(t, "writes", e.masks()[before:], []string{"traffic", "template,traffic"})
	for _, target := range e.live().Traffic {
		if target.Type != namedType {
			t.Errorf("traffic still has %+v", target)
		}
	}
	must(t, e.SetWeight(t.Context(), w))
	second := e.observe(w).Revision
	wantList(t, "splits", e.shares(), []string{first + " 100%", first + " 75%, " + second + " 25%"})
}

// A crash after the pin leaves a split that means the same; the repeat only writes
// what is missing.
func TestDeployAfterALostPin(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.followLatest()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.ResetAfterApply, Method: http.MethodPatch, Times: 1})
	before := len(e.masks())
	w := e.canary("v2", first, 25)
	wantKind(t, e.Deploy(t.Context(), w), rollout.Transient)
	must(t, e.Deploy(t.Context(), w))
	wantList(t, "writes", e.masks()[before:], []string{"traffic", "template,traffic"})
	wantList(t, "splits", e.shares(), []string{first + " 100%"})
}

// A split that was accepted and is still being applied must not be undone by the
// deployment that follows it.
func TestDeployKeepsASplitThatIsBeingApplied(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	w2 := e.canary("v2", first, 50)
	must(t, e.Deploy(t.Context(), w2))
	release := e.inject(cloudruntest.Fault{Kind: cloudruntest.Stuck, Times: 1})
	must(t, e.SetWeight(t.Context(), w2))
	must(t, e.Deploy(t.Context(), e.canary("v3", first, 10)))
	release()
	second := e.observe(w2).Revision
	if o := e.observe(w2); o.Split.Of(second) != 50 {
		t.Errorf("split is %s, want %s 50%%", o.Split, second)
	}
}

func TestPromoteAppliesWhatTheManifestSetsOnTheService(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) {
		svc.Labels = map[string]string{"cost": "7", "team": "old"}
		svc.Annotations["ada.example/note"] = "hands off"
		svc.Scaling = &run.GoogleCloudRunV2ServiceScaling{MaxInstanceCount: 9}
	})
	yaml := strings.Replace(manifest("v2"), "  name: shop\n", `  name: shop
  labels: {team: web}
  annotations:
    team.example/contact: web
    run.googleapis.com/ingress: internal
    run.googleapis.com/minScale: "1"
`, 1)
	w := e.workFor("v2", yaml)
	w.Stable = first
	must(t, e.Deploy(t.Context(), at(w, "canary-25", 25)))
	if svc := e.live(); svc.Labels["team"] != "old" || svc.Ingress != "INGRESS_TRAFFIC_ALL" {
		t.Errorf("a canary phase changed the service: labels %v, ingress %s", svc.Labels, svc.Ingress)
	}
	before := len(e.masks())
	last := at(w, rollout.StablePhase, 100)
	must(t, e.Promote(t.Context(), last))
	must(t, e.Promote(t.Context(), last))
	wantList(t, "writes", e.masks()[before:], []string{"annotations,ingress,labels,scaling.minInstanceCount"})
	svc := e.live()
	if want := map[string]string{"cost": "7", "team": "web"}; !maps.Equal(svc.Labels, want) {
		t.Errorf("labels are %v, want %v", svc.Labels, want)
	}
	if svc.Annotations["ada.example/note"] != "hands off" || svc.Annotations["team.example/contact"] != "web" {
		t.Errorf("annotations are %v", svc.Annotations)
	}
	if svc.Ingress != "INGRESS_TRAFFIC_INTERNAL_ONLY" || svc.Scaling.MinInstanceCount != 1 || svc.Scaling.MaxInstanceCount != 9 {
		t.Errorf("ingress %s, scaling %+v", svc.Ingress, svc.Scaling)
	}
	if o := e.observe(last); o.Split.Of(first) != 100 {
		t.Errorf("promote moved traffic: %s", o.Split)
	}
}

func TestFailedRevisionKeepsStable(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	must(t, e.region.FailImage("example/shop:v2", "CONTAINER_MISSING", ""))
	w := e.canary("v2", first, 25)
	must(t, e.Deploy(t.Context(), w))
	o := e.observe(w)
	if want := "CONTAINER_MISSING: Image 'example/shop:v2' not found."; o.Failure != want || !o.Settled {
		t.Errorf("failure is %q, settled %v, want %q", o.Failure, o.Settled, want)
	}
	err := e.SetWeight(t.Context(), w)
	wantKind(t, err, rollout.Failed)
	if err == nil || !strings.Contains(err.Error(), "CONTAINER_MISSING") {
		t.Errorf("error is %v, want the platform's reason", err)
	}
	wantList(t, "splits", e.shares(), []string{first + " 100%"})
}

func TestFirstRolloutAfterOneThatFailed(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	must(t, e.region.FailImage("example/shop:v1", "HEALTH_CHECK_CONTAINER_ERROR", "no route to the database"))
	w := at(e.work("v1"), rollout.StablePhase, 100)
	must(t, e.Promote(t.Context(), w))
	o := e.observe(w)
	if !o.Exists || len(o.Split) > 0 || !strings.Contains(o.Failure, "no route") {
		t.Errorf("observed %+v, want a service that serves nothing, and why", o)
	}
	w = at(e.work("v2"), rollout.StablePhase, 100)
	must(t, e.Promote(t.Context(), w))
	must(t, e.SetWeight(t.Context(), w))
	if o = e.observe(w); o.Split.Of(o.Revision) != 100 {
		t.Errorf("split is %s, want all for %s", o.Split, o.Revision)
	}
}
