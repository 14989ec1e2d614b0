package cloudrun_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	const aborted = `{"error": {"code": 409, "message": "Conflict for resource", "status": "ABORTED"}}`
	const exists = `{"error": {"code": 409, "message": "Resource 'shop' already exists.", "status": "ALREADY_EXISTS"}}`
	for _, c := range []struct {
		name   string
		status int
		header string // Retry-After
		body   string
		want   rollout.Kind
		after  time.Duration
		text   string
	}{
		{name: "bad request", status: 400, body: `{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}`, want: rollout.Invalid, text: "400 INVALID_ARGUMENT: no"},
		{name: "unauthenticated", status: 401, want: rollout.Denied, text: "401 Unauthorized"},
		{name: "denied", status: 403, want: rollout.Denied, text: "(grant roles/run.developer"},
		{name: "aborted", status: 409, body: aborted, want: rollout.Transient, text: "409 ABORTED: Conflict for resource"},
		{name: "exists", status: 409, body: exists, want: rollout.Conflict, text: "already exists"},
		{name: "quota", status: 429, header: "7", want: rollout.Transient, after: 7 * time.Second, text: "429 Too Many Requests"},
		{name: "unavailable", status: 503, header: "2", want: rollout.Transient, after: 2 * time.Second, text: "503"},
		{name: "bad gateway without a reason", status: 502, body: "<html>" + strings.Repeat("x", 10000), want: rollout.Transient, text: "502 Bad Gateway"},
		{name: "a date that passed", status: 503, header: "Mon, 02 Jan 2006 15:04:05 GMT", want: rollout.Transient, text: "503"},
		{name: "teapot", status: 418, want: rollout.Invalid, text: "418"},
		{name: "a long story", status: 400, body: `{"error": {"code": 400, "message": "` + strings.Repeat("word ", 1000) + `"}}`, want: rollout.Invalid, text: "..."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, cloudruntest.Options{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				if _, err := w.Write([]byte(c.body)); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			w := e.work("v1")
			w.Target.Endpoint = server.URL
			_, err := e.Observe(t.Context(), w)
			wantError(t, err, c.want, c.text)
			var re *rollout.Error
			if errors.As(err, &re) && re.After != c.after {
				t.Errorf("after is %s, want %s", re.After, c.after)
			}
			if err != nil && len(err.Error()) > 800 {
				t.Errorf("error has %d bytes", len(err.Error()))
			}
		})
	}
}

func wantError(tb testing.TB, err error, kind rollout.Kind, text string) {
	tb.Helper()
	wantKind(tb, err, kind)
	if err == nil || !strings.Contains(err.Error(), text) {
		tb.Errorf("error is %v, want %q", err, text)
	}
}

// A write that the platform applied and answered with an error is found to be done.
func TestAmbiguousWrites(t *testing.T) {
	t.Parallel()
	for _, kind := range []cloudruntest.FaultKind{cloudruntest.ResetAfterApply, cloudruntest.ApplyThenUnavailable} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, cloudruntest.Options{})
			first := e.serve()
			w := e.canary("v2", first, 25)
			must(t, e.Deploy(t.Context(), w))
			e.inject(cloudruntest.Fault{Kind: kind, Method: http.MethodPatch, Times: 1})
			wantKind(t, e.SetWeight(t.Context(), w), rollout.Transient)
			before := e.writes()
			must(t, e.SetWeight(t.Context(), w))
			if n := e.writes() - before; n != 0 {
				t.Errorf("%d writes, although it was done", n)
			}
			if o := e.observe(w); o.Split.Of(o.Revision) != 25 {
				t.Errorf("split is %s", o.Split)
			}
		})
	}
}

func TestQuotaCarriesItsDelay(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.TooManyRequests, Method: http.MethodPatch, RetryAfter: 5 * time.Second, Times: 1})
	err := e.Deploy(t.Context(), e.canary("v2", first, 25))
	wantError(t, err, rollout.Transient, "429 RESOURCE_EXHAUSTED")
	var re *rollout.Error
	if errors.As(err, &re) && re.After != 5*time.Second {
		t.Errorf("after is %s", re.After)
	}
}

func TestCheckFindsWhatWouldFail(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	good := e.canary("v2", first, 25)
	for _, c := range []struct {
		name string
		edit func(w *rollout.CloudRun) (yaml, stable string)
		want string
	}{
		{"nothing", func(*rollout.CloudRun) (string, string) { return manifest("v2"), first }, ""},
		{"short tag", func(c *rollout.CloudRun) (string, string) {
			c.CanaryTags = []string{"ab"}
			return manifest("v2"), first
		}, "tag ab: want at least 3"},
		{"underscore", func(c *rollout.CloudRun) (string, string) {
			c.PriorTags = []string{"last_one"}
			return manifest("v2"), first
		}, "tag last_one"},
		{"long tag", func(c *rollout.CloudRun) (string, string) {
			c.StableTags = []string{strings.Repeat("a", 43)}
			return manifest("v2"), first
		}, "it has 47 characters, the limit is 46 together"},
		{"one tag for two", func(c *rollout.CloudRun) (string, string) {
			c.PriorTags = c.CanaryTags
			return manifest("v2"), first
		}, "both a canary and a prior tag"},
		{"stable is gone", func(*rollout.CloudRun) (string, string) { return manifest("v2"), "shop-gone" }, "revision shop-gone does not exist"},
		{"bad manifest", func(*rollout.CloudRun) (string, string) { return "kind: Service", first }, "want serving.knative.dev/v1 Service"},
		{"other service", func(*rollout.CloudRun) (string, string) {
			return strings.Replace(manifest("v2"), "name: shop", "name: cart", 1), first
		}, "metadata.name is cart, the plan is for shop"},
		{"the platform refuses it", func(*rollout.CloudRun) (string, string) {
			return strings.Replace(manifest("v2"), "containers:", "containers:\n        - {image: b, name: b}", 1), first
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := good
			tags := *good.CloudRun
			w.CloudRun = &tags
			yaml, stable := c.edit(&tags)
			other := e.workFor("v2", yaml)
			w.Manifest, w.Stable = other.Manifest, stable
			before := e.writes()
			found, err := e.Check(t.Context(), w)
			must(t, err)
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("found %v", found)
			case c.want != "" && (len(found) == 0 || !strings.Contains(found[0].Text, c.want)):
				t.Errorf("found %v, want %q", found, c.want)
			}
			if e.writes() != before {
				t.Error("check wrote")
			}
		})
	}
}

func TestCheckAsksForThePermission(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	w := e.canary("v2", e.serve(), 25)
	remove := e.inject(cloudruntest.Fault{Kind: cloudruntest.PermissionDenied, Method: http.MethodPatch})
	found, err := e.Check(t.Context(), w)
	must(t, err)
	if len(found) != 1 || !strings.Contains(found[0].Text, "roles/run.developer") {
		t.Errorf("found %v", found)
	}
	remove()
	e.inject(cloudruntest.Fault{Kind: cloudruntest.Unavailable, Times: 1})
	if found, err = e.Check(t.Context(), w); rollout.KindOf(err) != rollout.Transient {
		t.Errorf("found %v, %v, want a Transient error: it could not look", found, err)
	}
}

func TestRecordHidesValues(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	yaml := manifest("v1") + `          livenessProbe:
            httpGet: {path: /, httpHeaders: [{name: Authorization, value: hunter3}]}
`
	yaml = strings.Replace(yaml, "value: fast", "value: hunter2", 1)
	w := at(e.workFor("v1", yaml), rollout.StablePhase, 100)
	must(t, e.Promote(t.Context(), w))
	spec, err := e.Record(t.Context(), w)
	must(t, err)
	for _, text := range []string{"hunter2", "hunter3"} {
		if strings.Contains(string(spec), text) {
			t.Errorf("the record tells %s", text)
		}
	}
	for _, text := range []string{"sha256:f52fbd32b2b3", `"MODE"`, "example/shop:v1", "trafficStatuses"} {
		if !strings.Contains(string(spec), text) {
			t.Errorf("the record lacks %s:\n%s", text, spec)
		}
	}
}
