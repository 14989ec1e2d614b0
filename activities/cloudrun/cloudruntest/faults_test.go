package cloudruntest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

func (e *env) inject(f cloudruntest.Fault) (remove func()) {
	e.Helper()
	remove, err := e.srv.Inject(f)
	if err != nil {
		e.Fatal(err)
	}
	return remove
}

func TestFaultsThatAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind       cloudruntest.FaultKind
		want       string // empty: the connection breaks
		retryAfter string
		applied    bool
	}{
		{cloudruntest.TooManyRequests, "429 RESOURCE_EXHAUSTED", "2", false},
		{cloudruntest.Unavailable, "503 UNAVAILABLE", "2", false},
		{cloudruntest.PermissionDenied, "403 PERMISSION_DENIED", "", false},
		{cloudruntest.DeadlineExceeded, "504 DEADLINE_EXCEEDED", "", false},
		{cloudruntest.ApplyThenUnavailable, "503 UNAVAILABLE", "2", true},
		{cloudruntest.ResetBeforeApply, "", "", false},
		{cloudruntest.ResetAfterApply, "", "", true},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			e := start(t, cloudruntest.Options{})
			e.first()
			e.inject(cloudruntest.Fault{Kind: tt.kind, Method: http.MethodPatch, Path: "*/services/checkout", Times: 1, RetryAfter: 1500 * time.Millisecond})
			_, err := e.services.Patch(name, &run.GoogleCloudRunV2Service{Description: "new"}).UpdateMask("description").Do()
			var g *googleapi.Error
			switch {
			case err == nil:
				t.Fatal("the fault did nothing")
			case tt.want == "" && errors.As(err, &g):
				t.Errorf("got %v, want a broken connection", err)
			case tt.want != "":
				if got := status(t, err); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				if errors.As(err, &g) && g.Header.Get("Retry-After") != tt.retryAfter {
					t.Errorf("Retry-After %q, want %q", g.Header.Get("Retry-After"), tt.retryAfter)
				}
			}
			if got := e.get().Description == "new"; got != tt.applied {
				t.Errorf("applied %v, want %v", got, tt.applied)
			}
			e.patch("description", &run.GoogleCloudRunV2Service{Description: "after"}) // only once
		})
	}
}

func TestQuotaErrorSaysWhy(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.inject(cloudruntest.Fault{Kind: cloudruntest.TooManyRequests})
	_, err := e.services.List(parent).Do()
	var g *googleapi.Error
	if !errors.As(err, &g) || !strings.Contains(g.Body, `"reason":"RATE_LIMIT_EXCEEDED"`) {
		t.Errorf("got %v", err)
	}
}

func TestLatencyRunsOnTheClock(t *testing.T) {
	t.Parallel()
	clock := fakeClock()
	e := start(t, cloudruntest.Options{Clock: clock})
	e.first()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.Latency, Latency: time.Minute, Times: 1})
	done := make(chan error, 1)
	go func() {
		_, err := e.services.Get(name).Do()
		done <- err
	}()
	if err := clock.WaitTimers(deadline(t), 1); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
		t.Fatal("answered before the latency was over")
	default:
	}
	clock.Advance(time.Minute)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStuckUntilReleased(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	release := e.inject(cloudruntest.Fault{Kind: cloudruntest.Stuck, Times: 1})
	op := e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
	if e.op(op).Done || !e.get().Reconciling {
		t.Error("the write is not stuck")
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
	release()
	if !e.op(op).Done || e.get().Reconciling {
		t.Error("the write is stuck after the release")
	}
	e.wantShares(map[string]int64{"checkout-b": 100})
}

func TestStuckIsSuperseded(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.Stuck, Times: 1})
	op := e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
	e.patch("traffic", traffic(to("checkout-a", 100, "")))
	if !e.op(op).Done || e.get().Reconciling {
		t.Error("the later write did not settle the service")
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
}

func TestOperationFails(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.OperationFails, Times: 1})
	op := e.op(e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")}))
	if op.Error == nil || op.Error.Code != 4 || e.get().TerminalCondition.State != "CONDITION_FAILED" {
		t.Errorf("operation %+v", op)
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
}

func TestFailHeader(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	call := e.services.Patch(name, &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")}).UpdateMask("template")
	call.Header().Set(cloudruntest.FailHeader, "SECRETS_ACCESS_CHECK_FAILED")
	op, err := call.Do()
	if err != nil {
		t.Fatal(err)
	}
	if got := e.op(op); got.Error == nil || got.Error.Code != 7 {
		t.Errorf("operation %+v", got)
	}
	call.Header().Set(cloudruntest.FailHeader, "TIRED")
	if _, err := call.Do(); status(t, err) != "400 INVALID_ARGUMENT" {
		t.Errorf("unknown reason: %v", err)
	}
}

func TestStaleReads(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	before := e.get()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.StaleReads, Times: 2})
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
	for i := range 3 {
		got := e.get()
		if stale := got.Etag == before.Etag; stale != (i < 2) {
			t.Errorf("read %d: stale %v", i, stale)
		}
	}
}

func TestStrictEtagFault(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.StrictEtag, Times: 1})
	stale := &run.GoogleCloudRunV2Service{Description: "new", Etag: `"old"`}
	_, err := e.services.Patch(name, stale).UpdateMask("description").Do()
	if status(t, err) != "409 ABORTED" || !strings.Contains(err.Error(), `'"old"'`) || !strings.Contains(err.Error(), e.get().Etag) {
		t.Errorf("got %v, want both versions", err)
	}
	e.patch("description", stale)
}

func TestExternalPatch(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
	requests := len(e.srv.Log())
	change := func(s *run.GoogleCloudRunV2Service) {
		s.Traffic = traffic(to("checkout-a", 25, ""), to("checkout-b", 75, "")).Traffic
	}
	if err := e.srv.ExternalPatch(name, change, "mallory@example.com"); err != nil {
		t.Fatal(err)
	}
	e.wantShares(map[string]int64{"checkout-a": 25, "checkout-b": 75})
	splits := e.srv.Splits(name)
	if got := e.get().LastModifier; got != "mallory@example.com" || splits[len(splits)-1].By != got || len(e.srv.Log()) != requests+1 {
		t.Errorf("last modifier %s, split by %s", got, splits[len(splits)-1].By)
	}
	err := e.srv.ExternalPatch(name, func(s *run.GoogleCloudRunV2Service) { s.Traffic[0].Percent = 3 }, "mallory@example.com")
	if err == nil || !strings.Contains(err.Error(), "INVALID_ARGUMENT") {
		t.Errorf("a bad split: %v", err)
	}
}

func TestIdentityOfRequests(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{Identity: "worker@example.com"})
	e.first()
	call := e.services.Patch(name, &run.GoogleCloudRunV2Service{Description: "new"}).UpdateMask("description")
	call.Header().Set(cloudruntest.IdentityHeader, "ana@example.com")
	if _, err := call.Do(); err != nil {
		t.Fatal(err)
	}
	if svc := e.get(); svc.Creator != "worker@example.com" || svc.LastModifier != "ana@example.com" {
		t.Errorf("creator %s, last modifier %s", svc.Creator, svc.LastModifier)
	}
}

func TestInjectRefusesUnknownKinds(t *testing.T) {
	t.Parallel()
	_, err := cloudruntest.New(cloudruntest.Options{}).Inject(cloudruntest.Fault{Kind: "gremlin"})
	if err == nil || !strings.Contains(err.Error(), string(cloudruntest.StaleReads)) {
		t.Errorf("got %v, want the known kinds", err)
	}
}
