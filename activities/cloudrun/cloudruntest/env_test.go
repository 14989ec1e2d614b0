package cloudruntest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

const (
	parent = "projects/shop/locations/europe-west1"
	name   = parent + "/services/checkout"

	typeLatest   = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	typeRevision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
)

// env is a server with the code of images "v1" to "v9" and a real client of it.
type env struct {
	*testing.T
	srv      *cloudruntest.Server
	services *run.ProjectsLocationsServicesService
	ops      *run.ProjectsLocationsOperationsService
}

func start(t *testing.T, opts cloudruntest.Options) *env {
	t.Helper()
	srv := cloudruntest.StartTest(t, opts)
	srv.Handle("v*", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, rev := cloudruntest.Revision(r.Context())
		_, _ = fmt.Fprint(w, rev)
	}))
	return &env{T: t, srv: srv, services: client(t, srv).Projects.Locations.Services, ops: client(t, srv).Projects.Locations.Operations}
}

func client(t *testing.T, srv *cloudruntest.Server) *run.Service {
	t.Helper()
	c, err := run.NewService(t.Context(), option.WithEndpoint(srv.URL()), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// template of an image; revision may be empty.
func template(image, revision string) *run.GoogleCloudRunV2RevisionTemplate {
	return &run.GoogleCloudRunV2RevisionTemplate{
		Revision:   revision,
		Containers: []*run.GoogleCloudRunV2Container{{Image: image}},
	}
}

func to(revision string, percent int64, tag string) *run.GoogleCloudRunV2TrafficTarget {
	return &run.GoogleCloudRunV2TrafficTarget{Type: typeRevision, Revision: revision, Percent: percent, Tag: tag}
}

func toLatest(percent int64) *run.GoogleCloudRunV2TrafficTarget {
	return &run.GoogleCloudRunV2TrafficTarget{Type: typeLatest, Percent: percent}
}

func traffic(list ...*run.GoogleCloudRunV2TrafficTarget) *run.GoogleCloudRunV2Service {
	return &run.GoogleCloudRunV2Service{Traffic: list}
}

func (e *env) create(svc *run.GoogleCloudRunV2Service) *run.GoogleLongrunningOperation {
	e.Helper()
	op, err := e.services.Create(parent, svc).ServiceId("checkout").Do()
	if err != nil {
		e.Fatal(err)
	}
	return op
}

// first creates the service with revision checkout-a of image v1.
func (e *env) first() {
	e.Helper()
	e.create(&run.GoogleCloudRunV2Service{Template: template("v1", "checkout-a")})
}

func (e *env) patch(mask string, svc *run.GoogleCloudRunV2Service) *run.GoogleLongrunningOperation {
	e.Helper()
	op, err := e.services.Patch(name, svc).UpdateMask(mask).Do()
	if err != nil {
		e.Fatal(err)
	}
	return op
}

func (e *env) get() *run.GoogleCloudRunV2Service {
	e.Helper()
	svc, err := e.services.Get(name).Do()
	if err != nil {
		e.Fatal(err)
	}
	return svc
}

func (e *env) op(op *run.GoogleLongrunningOperation) *run.GoogleLongrunningOperation {
	e.Helper()
	now, err := e.ops.Get(op.Name).Do()
	if err != nil {
		e.Fatal(err)
	}
	return now
}

func (e *env) wantShares(want map[string]int64) {
	e.Helper()
	if got := e.srv.Shares(name); !maps.Equal(got, want) {
		e.Errorf("split is %v, want %v", got, want)
	}
}

// fetch gets a service's URL and returns status and body.
func (e *env) fetch(url string) (int, string) {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, url, nil)
	if err != nil {
		e.Fatal(err)
	}
	res, err := e.srv.Client().Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		e.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(b))
}

// status renders an API error as "409 ABORTED", and nil as "200".
func status(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return "200"
	}
	var g *googleapi.Error
	if !errors.As(err, &g) {
		t.Fatalf("want an API error, got %v", err)
	}
	var body struct {
		Error struct {
			Code    int               `json:"code"`
			Message string            `json:"message"`
			Status  string            `json:"status"`
			Details []json.RawMessage `json:"details"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(g.Body), &body); err != nil {
		t.Fatalf("body %q: %v", g.Body, err)
	}
	if body.Error.Code != g.Code || body.Error.Message == "" {
		t.Errorf("body %s does not repeat code %d or has no message", g.Body, g.Code)
	}
	return fmt.Sprintf("%d %s", g.Code, body.Error.Status)
}

func conditions(svc *run.GoogleCloudRunV2Service) map[string]string {
	out := map[string]string{"Ready": svc.TerminalCondition.State}
	for _, c := range svc.Conditions {
		out[c.Type] = c.State
	}
	return out
}

func fakeClock() *cloudruntest.FakeClock {
	return cloudruntest.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func revisions(e *env) []string {
	e.Helper()
	var out []string
	err := e.services.Revisions.List(name).Pages(e.Context(), func(p *run.GoogleCloudRunV2ListRevisionsResponse) error {
		for _, r := range p.Revisions {
			out = append(out, r.Name[strings.LastIndex(r.Name, "/")+1:])
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	return slices.Clip(out)
}
