package cloudruntest_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

func TestCreateSettles(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	op := e.create(&run.GoogleCloudRunV2Service{Template: template("v1", "")})
	if op.Done || !strings.Contains(string(op.Metadata), "google.cloud.run.v2.Service") {
		t.Errorf("the first answer is %+v, want not done with metadata", op)
	}
	done := e.op(op)
	var svc run.GoogleCloudRunV2Service
	if err := json.Unmarshal(done.Response, &svc); err != nil || !done.Done || done.Error != nil {
		t.Fatalf("operation ended as %+v: %v", done, err)
	}
	short := svc.LatestReadyRevision[strings.LastIndex(svc.LatestReadyRevision, "/")+1:]
	if !strings.HasPrefix(short, "checkout-00001-") || len(short) != len("checkout-00001-xyz") {
		t.Errorf("revision is named %s", short)
	}
	if svc.Reconciling || svc.Generation != 1 || svc.ObservedGeneration != 1 || svc.LatestReadyRevision != svc.LatestCreatedRevision ||
		svc.TerminalCondition.State != "CONDITION_SUCCEEDED" || svc.LastModifier != cloudruntest.DefaultIdentity || svc.Creator != cloudruntest.DefaultIdentity {
		t.Errorf("not settled: %+v", svc)
	}
	if svc.Template.Revision != "" {
		t.Errorf("template.revision is %q, want empty for an automatic name", svc.Template.Revision)
	}
	if len(svc.Urls) != 1 || svc.Urls[0] != svc.Uri || !strings.Contains(svc.Uri, ".localhost:") {
		t.Errorf("uri %s, urls %v", svc.Uri, svc.Urls)
	}
	e.wantShares(map[string]int64{short: 100})
}

func TestLatestFollowsTheNewestReadyRevision(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
	e.wantShares(map[string]int64{"checkout-b": 100})
	if st := e.get().TrafficStatuses; len(st) != 1 || st[0].Type != typeLatest || st[0].Revision != "checkout-b" {
		t.Errorf("statuses %+v", st[0])
	}
	e.patch("traffic", traffic(to("checkout-a", 80, ""), toLatest(20)))
	e.wantShares(map[string]int64{"checkout-a": 80, "checkout-b": 20})
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v3", "checkout-c")})
	e.wantShares(map[string]int64{"checkout-a": 80, "checkout-c": 20})
	e.patch("traffic", traffic())
	e.wantShares(map[string]int64{"checkout-c": 100})
}

func TestBareLatest(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{BareLatest: true})
	e.first()
	if st := e.get().TrafficStatuses; len(st) != 1 || st[0].Revision != "" || st[0].Type != typeLatest {
		t.Errorf("statuses %+v", st[0])
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
	if code, body := e.fetch(e.get().Uri); code != 200 || body != "checkout-a" {
		t.Errorf("%d %s", code, body)
	}
}

func TestCanaryRecipe(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	e.patch("traffic", traffic(to("checkout-a", 100, "")))
	e.patch("template,traffic", &run.GoogleCloudRunV2Service{
		Template: template("v2", "checkout-b"),
		Traffic:  traffic(to("checkout-a", 100, ""), to("checkout-b", 0, "canary")).Traffic,
	})
	svc := e.get()
	if len(svc.TrafficStatuses) != 2 || !strings.HasPrefix(svc.TrafficStatuses[1].Uri, "http://canary---checkout-") {
		t.Fatalf("statuses %+v", svc.TrafficStatuses)
	}
	if code, body := e.fetch(svc.TrafficStatuses[1].Uri); code != 200 || body != "checkout-b" {
		t.Errorf("the tagged canary answers %d %s", code, body)
	}
	generation := svc.Generation
	for _, p := range []int64{10, 50} {
		e.patch("traffic", traffic(to("checkout-b", p, "canary"), to("checkout-a", 100-p, "")))
	}
	e.patch("traffic", traffic(to("checkout-b", 100, ""), to("checkout-a", 0, "")))
	if got := e.get(); got.Generation != generation+3 || len(got.Traffic) != 1 || !slices.Equal(revisions(e), []string{"checkout-b", "checkout-a"}) {
		t.Errorf("generation %d, traffic %v, revisions %v", got.Generation, got.Traffic, revisions(e))
	}
	var shares []int64
	for _, s := range e.srv.Splits(name) {
		shares = append(shares, s.Shares["checkout-b"])
	}
	if want := []int64{0, 0, 10, 50, 100}; !slices.Equal(shares, want) {
		t.Errorf("the canary's shares were %v, want %v", shares, want)
	}
}

func TestFailedRevisionKeepsWhatServes(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	op := e.op(e.patch("template", &run.GoogleCloudRunV2Service{Template: template("missing", "checkout-b")}))
	if !op.Done || op.Error == nil || op.Error.Code != 5 || !strings.Contains(op.Error.Message, "Revision 'checkout-b' is not ready and cannot serve traffic.") {
		t.Errorf("operation %+v", op.Error)
	}
	svc := e.get()
	if svc.Reconciling || svc.Generation != 2 || svc.ObservedGeneration != 1 || !strings.HasSuffix(svc.LatestReadyRevision, "/checkout-a") ||
		!strings.HasSuffix(svc.LatestCreatedRevision, "/checkout-b") || svc.TerminalCondition.Reason != "REVISION_FAILED" {
		t.Errorf("service %+v", svc)
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
	rev, err := e.services.Revisions.Get(name + "/revisions/checkout-b").Do()
	if err != nil || rev.Conditions[0].Type != "Ready" || rev.Conditions[0].State != "CONDITION_FAILED" || rev.Conditions[0].Reason != "CONTAINER_MISSING" {
		t.Errorf("revision %+v: %v", rev, err)
	}

	// The split can still be moved, and Ready goes on telling of the configuration.
	op = e.op(e.patch("traffic", traffic(to("checkout-a", 100, ""))))
	if op.Error != nil {
		t.Errorf("a split onto a ready revision failed: %+v", op.Error)
	}
	want := map[string]string{"Ready": "CONDITION_FAILED", "RoutesReady": "CONDITION_SUCCEEDED", "ConfigurationsReady": "CONDITION_FAILED"}
	if svc = e.get(); !maps.Equal(conditions(svc), want) || svc.ObservedGeneration != 3 {
		t.Errorf("conditions %v", conditions(svc))
	}

	// A split onto the failed revision is accepted and fails later.
	op = e.op(e.patch("traffic", traffic(to("checkout-b", 100, ""))))
	if op.Error == nil {
		t.Error("traffic onto a failed revision succeeded")
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
}

func TestNewServiceThatFailsServesNothing(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	if err := e.srv.FailImage("v1", "HEALTH_CHECK_CONTAINER_ERROR", ""); err != nil {
		t.Fatal(err)
	}
	e.first()
	svc := e.get()
	if len(svc.TrafficStatuses) != 0 || svc.LatestReadyRevision != "" || svc.ObservedGeneration != 0 || svc.Uri != "" {
		t.Errorf("service %+v", svc)
	}
	rev, err := e.services.Revisions.Get(svc.LatestCreatedRevision).Do()
	if err != nil || rev.Conditions[0].RevisionReason != "HEALTH_CHECK_CONTAINER_ERROR" || rev.Conditions[0].Reason != "" {
		t.Errorf("revision %+v: %v", rev, err)
	}
	e.srv.HealImage("v1")
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v1", "checkout-b")})
	e.wantShares(map[string]int64{"checkout-b": 100})
	if err := e.srv.FailImage("v1", "TIRED", ""); err == nil || !strings.Contains(err.Error(), "CONTAINER_MISSING") {
		t.Errorf("an unknown reason gives %v, want the known ones", err)
	}
}

func TestLaterPatchSupersedes(t *testing.T) {
	t.Parallel()
	clock := fakeClock()
	e := start(t, cloudruntest.Options{Clock: clock, Latency: 10 * time.Second})
	e.first()
	clock.Advance(10 * time.Second)
	one := e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
	clock.Advance(5 * time.Second)
	two := e.patch("traffic", traffic(to("checkout-a", 70, ""), to("checkout-b", 30, "")))
	if svc := e.get(); !svc.Reconciling || svc.TerminalCondition.State != "CONDITION_RECONCILING" || svc.Generation != 3 || svc.ObservedGeneration != 1 {
		t.Errorf("service %+v", svc)
	}
	clock.Advance(5 * time.Second)
	if !e.op(one).Done || e.op(two).Done {
		t.Error("want the first operation done and the second not")
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
	clock.Advance(5 * time.Second)
	if !e.op(two).Done || e.get().Reconciling {
		t.Error("want everything settled")
	}
	e.wantShares(map[string]int64{"checkout-a": 70, "checkout-b": 30})
}

func TestPatchThatChangesNothing(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	before := e.get()
	op := e.patch("", before)
	if after := e.get(); !op.Done || after.Generation != before.Generation || after.Etag != before.Etag {
		t.Errorf("done %v, generation %d, want done and %d", op.Done, after.Generation, before.Generation)
	}
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v1", "checkout-a")})
	if got := revisions(e); !slices.Equal(got, []string{"checkout-a"}) {
		t.Errorf("revisions %v", got)
	}
	if _, err := e.services.Patch(name, traffic(toLatest(100))).UpdateMask("traffic").ForceNewRevision(true).Do(); status(t, err) != "409 ALREADY_EXISTS" {
		t.Errorf("forced revision under the same name: %v", err)
	}
	if _, err := e.services.Patch(name, &run.GoogleCloudRunV2Service{Template: template("v1", "")}).UpdateMask("template").ForceNewRevision(true).Do(); err != nil {
		t.Error(err)
	}
	if got := revisions(e); len(got) != 2 {
		t.Errorf("revisions %v, want a forced one", got)
	}
}

func TestReadModifyWriteTrap(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	svc := e.get()
	svc.Template.Containers[0].Image = "v2"
	_, err := e.services.Patch(name, svc).UpdateMask("template").Do()
	if status(t, err) != "409 ALREADY_EXISTS" || !strings.Contains(err.Error(), "different configuration") {
		t.Errorf("got %v", err)
	}
	svc.Template.Revision = ""
	e.patch("template", svc)
	if got := revisions(e); len(got) != 2 || !strings.HasPrefix(got[0], "checkout-00002-") {
		t.Errorf("revisions %v", got)
	}
	// Naming the first revision again with its own configuration goes back to it.
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v1", "checkout-a")})
	if got := revisions(e); len(got) != 2 {
		t.Errorf("revisions %v, want no new one", got)
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
}
