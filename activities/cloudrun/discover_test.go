package cloudrun_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

func (e *env) found(label string) []rollout.FoundService {
	e.Helper()
	all, err := e.Services(e.Context(), activities.DiscoverRequest{Location: location, Endpoint: e.region.URL(), Label: label})
	must(e, err)
	return all
}

func TestServicesAreFoundByTheirLabel(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	if all := e.found("strategy=gradual"); len(all) != 0 {
		t.Errorf("where nothing is, found %+v", all)
	}
	stable := e.serve()
	revision := e.noTraffic("example/shop:v2")
	if all := e.found("strategy=gradual"); len(all) != 0 {
		t.Errorf("without a label, found %+v", all)
	}
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) {
		svc.Labels = map[string]string{"strategy": "gradual", "tier": ""}
	})
	want := rollout.FoundService{
		Location: location, Service: "shop", Split: rollout.Split{{Revision: stable, Percent: 100}}, Ready: revision,
		Owner: "web", Images: []rollout.FoundImage{{Image: "example/shop:v2"}},
	}
	writes := e.writes()
	for _, label := range []string{"strategy=gradual", "tier="} {
		if all := e.found(label); len(all) != 1 || fmt.Sprintf("%+v", all[0]) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: found %+v, want %+v", label, all, want)
		}
	}
	for _, label := range []string{"strategy=fast", "strategy=", "other=", "other=gradual"} {
		if all := e.found(label); len(all) != 0 {
			t.Errorf("%s: found %+v", label, all)
		}
	}
	if n := e.writes() - writes; n != 0 {
		t.Errorf("looking wrote %d times", n)
	}
}

func TestServicesAreFoundOnEveryPage(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	const n = 230
	for i := range n {
		body := strings.NewReader(`{"labels":{"strategy":"gradual"},"template":{"containers":[{"image":"example/shop:v1"}]}}`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/v2/%s/services?serviceId=shop-%03d", e.region.URL(), location, i), body)
		must(t, err)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		res.Body.Close()
	}
	all := e.found("strategy=gradual")
	if len(all) != n || all[0].Service != "shop-000" || all[n-1].Service != "shop-229" {
		t.Errorf("found %d", len(all))
	}
}

func TestServicesThatCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	for _, r := range []activities.DiscoverRequest{
		{Location: location, Endpoint: e.region.URL(), Label: "gradual"},
		{Location: location, Endpoint: e.region.URL(), Label: "=gradual"},
		{Location: "europe-west1", Endpoint: e.region.URL(), Label: "a=b"},
		{Location: location, Endpoint: "ftp://x", Label: "a=b"},
	} {
		_, err := e.Services(t.Context(), r)
		wantKind(t, err, rollout.Invalid)
	}
	e.inject(cloudruntest.Fault{Kind: cloudruntest.PermissionDenied, Method: http.MethodGet, Times: 1})
	_, err := e.Services(t.Context(), activities.DiscoverRequest{Location: location, Endpoint: e.region.URL(), Label: "a=b"})
	wantKind(t, err, rollout.Denied)
}
