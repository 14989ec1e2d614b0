package cloudruntest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

// split sets up revisions a and b of images v1 and v2 and their shares.
func (e *env) split(a, b int64) {
	e.Helper()
	e.first()
	e.patch("template,traffic", &run.GoogleCloudRunV2Service{
		Template: template("v2", "checkout-b"),
		Traffic:  traffic(to("checkout-a", a, ""), to("checkout-b", b, "canary")).Traffic,
	})
}

func TestRequestsFollowTheSplit(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{Seed: 7})
	e.split(87, 13)
	uri := e.get().Uri
	got := map[string]int{}
	for range 400 {
		code, body := e.fetch(uri)
		if code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
		got[body]++
	}
	if got["checkout-a"] != 348 || got["checkout-b"] != 52 {
		t.Errorf("400 requests went %v, want 348 and 52", got)
	}
	counts := e.srv.Requests(name)
	if counts["checkout-b"].Requests != 52 || counts["checkout-b"].Classes["2xx"] != 52 {
		t.Errorf("counted %+v", counts)
	}
}

func TestSplitIsDeterministicBySeed(t *testing.T) {
	t.Parallel()
	trace := func(seed uint64) string {
		e := start(t, cloudruntest.Options{Seed: seed, Clock: fakeClock()})
		e.split(60, 40)
		op := e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v3", "")})
		svc := e.get()
		var out strings.Builder
		fmt.Fprintln(&out, op.Name, svc.Uid, svc.Etag, revisions(e))
		err := e.srv.Simulate(name, 60, func(rev string, _ int) cloudruntest.Response {
			out.WriteString(rev[len(rev)-1:])
			return cloudruntest.Response{Code: 200}
		})
		if err != nil {
			t.Error(err)
		}
		return out.String()
	}
	if a, b := trace(1), trace(1); a != b {
		t.Errorf("seed 1 gave\n%s\nand then\n%s", a, b)
	}
	if a, b := trace(1), trace(2); a == b {
		t.Error("another seed gave the same ids and order")
	}
}

func TestHostsThatServeNothing(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	uri := e.get().Uri
	if code, _ := e.fetch(strings.Replace(uri, "://", "://green---", 1)); code != http.StatusNotFound {
		t.Errorf("unknown tag: %d", code)
	}
	if code, _ := e.fetch(strings.Replace(uri, "checkout", "cart", 1)); code != http.StatusNotFound {
		t.Errorf("unknown service: %d", code)
	}
}

func TestHandlerThatPanicsIsAServerError(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.srv.Handle("v1", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
	e.first()
	if code, _ := e.fetch(e.get().Uri); code != http.StatusInternalServerError {
		t.Errorf("status %d", code)
	}
	if got := e.srv.Requests(name)["checkout-a"].Classes["5xx"]; got != 1 {
		t.Errorf("%d server errors counted, want 1", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	clock := fakeClock()
	e := start(t, cloudruntest.Options{Clock: clock})
	e.srv.Handle("v1", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		clock.Advance(30 * time.Millisecond)
		w.WriteHeader(http.StatusTeapot)
	}))
	e.first()
	e.fetch(e.get().Uri)
	err := e.srv.Simulate(name, 3, func(_ string, i int) cloudruntest.Response {
		return cloudruntest.Response{Code: 500 + i%2, Latency: 70 * time.Millisecond}
	})
	if err != nil {
		t.Fatal(err)
	}
	code, text := e.fetch(e.srv.URL() + "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	lines := strings.Split(text, "\n")
	labels := func(code, rest string) string {
		return fmt.Sprintf(`configuration_name="checkout",location="europe-west1",monitored_resource="cloud_run_revision",project_id="shop",`+
			`response_code="%s",response_code_class="%cxx",revision_name="checkout-a",service_name="checkout"%s`, code, code[0], rest)
	}
	for _, want := range []string{
		"# TYPE run_googleapis_com:request_count counter",
		"# TYPE run_googleapis_com:request_latencies histogram",
		"run_googleapis_com:request_count{" + labels("418", "") + "} 1",
		"run_googleapis_com:request_count{" + labels("500", "") + "} 2",
		"run_googleapis_com:request_latencies_bucket{" + labels("418", `,le="20"`) + "} 0",
		"run_googleapis_com:request_latencies_bucket{" + labels("418", `,le="35"`) + "} 1",
		"run_googleapis_com:request_latencies_sum{" + labels("500", "") + "} 140",
		"run_googleapis_com:request_latencies_count{" + labels("501", "") + "} 1",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}

func TestSimulateRefuses(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	if err := e.srv.Simulate(name, 1, nil); err == nil {
		t.Error("an unknown service was simulated")
	}
	e.first()
	if err := e.srv.Simulate(name, 1, func(string, int) cloudruntest.Response { return cloudruntest.Response{} }); err == nil {
		t.Error("status 0 was counted")
	}
}

func TestServerWithoutListener(t *testing.T) {
	t.Parallel()
	srv := cloudruntest.New(cloudruntest.Options{Domain: "run.test"})
	srv.Handle("v1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service, rev := cloudruntest.Revision(r.Context())
		_, _ = fmt.Fprint(w, service, " ", rev)
	}))
	body := `{"template": {"revision": "checkout-a", "containers": [{"image": "v1"}]}}`
	rec := httptest.NewRecorder()
	srv.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/"+parent+"/services?serviceId=checkout&alt=json&prettyPrint=false", strings.NewReader(body)))
	if rec.Code != http.StatusOK {
		t.Fatal(rec.Body)
	}
	svc, err := srv.Service(name)
	if err != nil || !strings.HasSuffix(svc.Uri, ".run.test") || srv.URL() != "" || srv.Close() != nil {
		t.Fatalf("%v: %v", svc, err)
	}
	rec = httptest.NewRecorder()
	srv.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, svc.Uri+"/", http.NoBody))
	if rec.Body.String() != "checkout checkout-a" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
