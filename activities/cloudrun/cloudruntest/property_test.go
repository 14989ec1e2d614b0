package cloudruntest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"
	"pgregory.net/rapid"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

// After any writes, valid or not, a service serves all of its traffic or none,
// none only while it has never been ready, only revisions that are ready, and
// never the split of a write that was refused.
func TestStatusesAlwaysSumTo100(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := fakeClock()
		srv := cloudruntest.New(cloudruntest.Options{Clock: clock, Latency: time.Second, Seed: rapid.Uint64().Draw(t, "seed")})
		srv.Handle("good*", http.NotFoundHandler())
		web := httptest.NewServer(srv)
		defer web.Close()
		api, err := run.NewService(t.Context(), option.WithEndpoint(web.URL), option.WithoutAuthentication())
		if err != nil {
			t.Fatal(err)
		}
		services := api.Projects.Locations.Services
		for range rapid.IntRange(1, 12).Draw(t, "writes") {
			svc := &run.GoogleCloudRunV2Service{Template: drawTemplate(t), Traffic: drawTraffic(t)}
			mask := rapid.SampledFrom([]string{"", "traffic", "template", "template,traffic"}).Draw(t, "mask")
			_, err := services.Patch(name, svc).UpdateMask(mask).AllowMissing(true).Do()
			var g *googleapi.Error
			if err != nil && (!errors.As(err, &g) || g.Code != http.StatusBadRequest && g.Code != http.StatusConflict) {
				t.Fatal(err)
			}
			checkService(t, srv)
			clock.Advance(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause")) * time.Millisecond)
			checkService(t, srv)
		}
		clock.Advance(time.Minute)
		if svc, err := srv.Service(name); err == nil && svc.Reconciling {
			t.Fatal("the service never settles")
		}
		checkService(t, srv)
	})
}

func checkService(t *rapid.T, srv *cloudruntest.Server) {
	t.Helper()
	svc, err := srv.Service(name)
	if err != nil {
		return
	}
	sum := int64(0)
	for _, st := range svc.TrafficStatuses {
		sum += st.Percent
	}
	ready := svc.LatestReadyRevision != ""
	if ready && sum != 100 || !ready && len(svc.TrafficStatuses) != 0 {
		t.Fatalf("ready %v, statuses sum to %d", ready, sum)
	}
	if svc.ObservedGeneration > svc.Generation {
		t.Fatalf("observed generation %d of %d", svc.ObservedGeneration, svc.Generation)
	}
	if succeeded := svc.TerminalCondition.State == "CONDITION_SUCCEEDED"; succeeded && (svc.Reconciling || svc.ObservedGeneration != svc.Generation) {
		t.Fatalf("succeeded while generation %d of %d is reconciled", svc.ObservedGeneration, svc.Generation)
	}
	for _, split := range srv.Splits(name) {
		total := int64(0)
		for rev, share := range split.Shares {
			total += share
			if rev == "checkout-bad" {
				t.Fatal("a revision that was never ready had a share")
			}
		}
		if total != 100 {
			t.Fatalf("a recorded split sums to %d", total)
		}
	}
}

func drawTemplate(t *rapid.T) *run.GoogleCloudRunV2RevisionTemplate {
	revision := rapid.SampledFrom([]string{"", "", "checkout-a", "checkout-b", "checkout-bad", "Bad name"}).Draw(t, "revision")
	image := rapid.SampledFrom([]string{"good1", "good2", "missing"}).Draw(t, "image")
	if revision == "checkout-bad" {
		image = "missing"
	}
	return template(image, revision)
}

func drawTraffic(t *rapid.T) []*run.GoogleCloudRunV2TrafficTarget {
	entry := rapid.Custom(func(t *rapid.T) *run.GoogleCloudRunV2TrafficTarget {
		out := &run.GoogleCloudRunV2TrafficTarget{
			Type:    rapid.SampledFrom([]string{typeRevision, typeRevision, typeLatest}).Draw(t, "type"),
			Percent: rapid.SampledFrom([]int64{0, 10, 50, 90, 100}).Draw(t, "percent"),
			Tag:     rapid.SampledFrom([]string{"", "", "green", "x"}).Draw(t, "tag"),
		}
		if out.Type == typeRevision {
			out.Revision = rapid.SampledFrom([]string{"checkout-a", "checkout-b", "checkout-bad"}).Draw(t, "target")
		}
		return out
	})
	return rapid.SliceOfN(entry, 0, 3).Draw(t, "traffic")
}
