package cloudruntest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

func TestLogAndWaiters(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	found := make(chan cloudruntest.Request, 1)
	go func() {
		r, err := e.srv.WaitRequest(deadline(t), func(r cloudruntest.Request) bool { return r.Method == http.MethodPatch && r.Mask == "traffic" })
		if err != nil {
			t.Error(err)
		}
		found <- r
	}()
	e.patch("traffic", traffic(to("checkout-a", 100, "")))
	if r := <-found; r.Path != "/v2/"+name || r.Status != http.StatusOK || r.Identity != cloudruntest.DefaultIdentity {
		t.Errorf("request %+v", r)
	}
	split := make(chan error, 1)
	go func() {
		split <- e.srv.WaitSplit(deadline(t), name, func(s map[string]int64) bool { return s["checkout-b"] == 30 })
	}()
	e.patch("template,traffic", &run.GoogleCloudRunV2Service{
		Template: template("v2", "checkout-b"),
		Traffic:  traffic(to("checkout-a", 70, ""), to("checkout-b", 30, "")).Traffic,
	})
	if err := <-split; err != nil {
		t.Error(err)
	}
	methods := []string{}
	for _, r := range e.srv.Log() {
		methods = append(methods, r.Method)
	}
	if !slices.Equal(methods, []string{"POST", "PATCH", "PATCH"}) {
		t.Errorf("log %v", methods)
	}
}

func TestRevisionListIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	for i := 2; i <= 5; i++ {
		e.patch("template", &run.GoogleCloudRunV2Service{Template: template(fmt.Sprintf("v%d", i), fmt.Sprintf("checkout-%d", i))})
	}
	var pages [][]string
	err := e.services.Revisions.List(parent+"/services/-").PageSize(2).Pages(t.Context(), func(p *run.GoogleCloudRunV2ListRevisionsResponse) error {
		var page []string
		for _, r := range p.Revisions {
			if r.Service != name || r.Generation != 1 || len(r.Containers) != 1 || r.Conditions[0].Type != "Ready" {
				t.Errorf("revision %+v", r)
			}
			page = append(page, strings.TrimPrefix(r.Name, name+"/revisions/checkout-"))
		}
		pages = append(pages, page)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(pages), "[[5 4] [3 2] [a]]"; got != want {
		t.Errorf("pages %s, want %s", got, want)
	}
	if _, err := e.services.Revisions.List(name).PageToken("x").Do(); status(t, err) != "400 INVALID_ARGUMENT" {
		t.Errorf("foreign token: %v", err)
	}
}

func TestRevisionsInUseAreNotDeleted(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	for _, v := range []string{"v2", "v3", "v4"} {
		e.patch("template", &run.GoogleCloudRunV2Service{Template: template(v, "checkout-"+v)})
	}
	e.patch("traffic", traffic(to("checkout-v2", 100, ""), to("checkout-v3", 0, "green")))
	for rev, want := range map[string]string{
		"checkout-v2": "400 FAILED_PRECONDITION", // traffic
		"checkout-v3": "400 FAILED_PRECONDITION", // tag
		"checkout-v4": "400 FAILED_PRECONDITION", // latest
		"checkout-a":  "200",
	} {
		op, err := e.services.Revisions.Delete(name + "/revisions/" + rev).Do()
		if got := status(t, err); got != want {
			t.Errorf("delete %s: %s, want %s", rev, got, want)
		}
		if err == nil && !op.Done {
			t.Errorf("delete %s is not done", rev)
		}
	}
	if got := revisions(e); len(got) != 3 {
		t.Errorf("revisions %v", got)
	}
}

func TestOperationsAreListedAndDeleted(t *testing.T) {
	t.Parallel()
	clock := fakeClock()
	e := start(t, cloudruntest.Options{Clock: clock, Latency: time.Minute})
	first := e.create(&run.GoogleCloudRunV2Service{Template: template("v1", "")})
	clock.Advance(time.Minute)
	second := e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "")})
	for filter, want := range map[string][]string{
		"": {second.Name, first.Name}, "done:true": {first.Name}, "done:false": {second.Name},
	} {
		list, err := e.ops.List(parent).Filter(filter).Do()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range list.Operations {
			got = append(got, o.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("filter %q: %v, want %v", filter, got, want)
		}
	}
	if _, err := e.ops.Delete(first.Name).Do(); err != nil {
		t.Error(err)
	}
	if _, err := e.ops.Get(first.Name).Do(); status(t, err) != "404 NOT_FOUND" {
		t.Errorf("deleted operation: %v", err)
	}
}

func TestServicesAreListed(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	for _, id := range []string{"b", "a", "c"} {
		if _, err := e.services.Create(parent, &run.GoogleCloudRunV2Service{Template: template("v1", "")}).ServiceId(id).Do(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := e.services.List(parent).PageSize(2).Do()
	if err != nil || len(list.Services) != 2 || !strings.HasSuffix(list.Services[0].Name, "/a") || list.NextPageToken == "" {
		t.Errorf("page %+v: %v", list, err)
	}
}

func TestSnapshotSurvivesARestart(t *testing.T) {
	t.Parallel()
	clock := fakeClock()
	opts := cloudruntest.Options{Clock: clock, Latency: time.Minute}
	e := start(t, opts)
	e.first()
	clock.Advance(time.Minute)
	op := e.patch("template,traffic", &run.GoogleCloudRunV2Service{
		Template: template("v2", "checkout-b"),
		Traffic:  traffic(to("checkout-a", 70, ""), to("checkout-b", 30, "")).Traffic,
	})
	saved, err := e.srv.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	next := start(t, opts)
	if err := next.srv.Restore(saved); err != nil {
		t.Fatal(err)
	}
	before, after := e.get(), next.get()
	if before.Etag != after.Etag || !after.Reconciling || next.op(op).Done {
		t.Errorf("restored %+v", after)
	}
	if code, body := next.fetch(after.Uri); code != http.StatusOK || body != "checkout-a" {
		t.Errorf("restored service answers %d %s", code, body)
	}
	clock.Advance(time.Minute)
	next.wantShares(map[string]int64{"checkout-a": 70, "checkout-b": 30})
	if !next.op(op).Done {
		t.Error("the restored operation did not finish")
	}
	if err := next.srv.Restore([]byte(`{"version": 99}`)); err == nil {
		t.Error("an unknown version was restored")
	}
}

// admin sends one inspection request and returns status and body.
func (e *env) admin(method, path, body string) (int, string) {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, e.srv.URL()+"/admin"+path, strings.NewReader(body))
	if err != nil {
		e.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	var v json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		e.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, string(v)
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.split(50, 50)
	for _, tt := range []struct {
		method, path, body string
		status             int
		contains           string
	}{
		{"GET", "/services", "", 200, `"shares":{"checkout-a":50,"checkout-b":50}`},
		{"GET", "/", "", 200, `"url":"http://checkout-`},
		{"GET", "/requests", "", 200, `"mask":"template,traffic"`},
		{"GET", "/splits", "", 200, `"generation":2`},
		{"GET", "/splits?service=" + name, "", 200, `"by":"serin-worker@local"`},
		{"POST", "/faults", `{"kind": "latency", "latency": "1ms", "path": "*/none"}`, 200, `{"id":1}`},
		{"GET", "/faults", "", 200, `"kind":"latency"`},
		{"POST", "/faults", `{"kind": "gremlin"}`, 400, "staleReads"},
		{"POST", "/faults", `{"kind": "latency", "latency": "soon"}`, 400, "latency"},
		{"POST", "/faults", `{"sort": "latency"}`, 400, "sort"},
		{"DELETE", "/faults/1", "", 200, "{}"},
		{"DELETE", "/faults/1", "", 404, "NOT_FOUND"},
		{"POST", "/images", `{"image": "v3", "reason": "CONTAINER_MISSING"}`, 200, "{}"},
		{"GET", "/faults", "", 200, `"image":"v3"`},
		{"DELETE", "/images?image=v3", "", 200, "{}"},
		{"DELETE", "/faults", "", 200, "{}"},
		{"POST", "/traffic", `{"service": "` + name + `", "traffic": [{"type": "` + typeRevision + `", "revision": "checkout-a", "percent": 100}]}`, 200, "{}"},
		{"GET", "/services", "", 200, `"lastModifier":"somebody@local"`},
		{"POST", "/traffic", `{"service": "` + parent + `/services/no"}`, 404, "NOT_FOUND"},
		{"POST", "/simulate", `{"service": "` + name + `", "requests": 100, "errorRate": {"checkout-a": 0.1}, "latency": {"checkout-a": "80ms"}}`, 200, "{}"},
		{"GET", "/services", "", 200, `"checkout-a":{"requests":100,"classes":{"2xx":90,"5xx":10}}`},
		{"GET", "/snapshot", "", 200, `"version":1`},
	} {
		code, body := e.admin(tt.method, tt.path, tt.body)
		if code != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s %s %s: %d %s, want %d with %s", tt.method, tt.path, tt.body, code, body, tt.status, tt.contains)
		}
	}
}
