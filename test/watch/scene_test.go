package watch_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// patience is how long a test goes without what it waits for.
const patience = 2 * time.Minute

// ada deploys past Serin.
const ada = "ada@example.com"

// scene is one watch, and the services that carry its label.
type scene struct {
	*testing.T
	ctx   context.Context
	watch rollout.Watch
}

// newScene applies a pipeline whose target does not exist: the services say where they are.
func newScene(t *testing.T, name string, atLeast int) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &scene{T: t, ctx: ctx, watch: rollout.Watch{
		Name: name, Project: world.Project, Regions: []string{world.Location}, Label: "rollout-strategy=" + name,
		Pipeline: name, MinRequests: atLeast, Endpoint: shared.Run.URL(), TaskQueue: rollout.DefaultTaskQueue, Every: time.Second,
	}}
	yaml := fmt.Sprintf(`apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata:
  name: %s
serialPipeline:
  stages:
    - targetId: wherever
      strategy:
        canary:
          runtimeConfig:
            cloudRun: {automaticTrafficControl: true}
          canaryDeployment:
            percentages: [5, 20, 50, 80]
            advance: {mode: automatic}
            analysis:
              duration: 2s
              prometheus:
                address: %s
                checks:
                  - {id: success, preset: request-success-rate, provider: cloudRun, interval: 1s, min: 99}
`, name, prometheus.URL())
	if _, err := shared.Client.Apply(ctx, []byte(yaml), "ann"); err != nil {
		t.Fatal(err)
	}
	return s
}

// looks begins the watch.
func (s *scene) looks() {
	s.Helper()
	if err := shared.Client.CreateWatch(s.ctx, s.watch); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := shared.Client.DeleteWatch(context.WithoutCancel(s.ctx), s.watch.Name); err != nil {
			s.Error(err)
		}
	})
}

// serves makes a service with the watch's label and one revision, which serves. A service that is
// not in world.Location has its own in front.
func (s *scene) serves(service string) string {
	s.Helper()
	full := shared.Service(service)
	parent, name, _ := strings.Cut(full, "/services/")
	key, value, _ := strings.Cut(s.watch.Label, "=")
	body := fmt.Sprintf(`{"labels":{%q:%q},"template":{"containers":[{"image":"img/v1"}]}}`, key, value)
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, shared.Run.URL()+"/v2/"+parent+"/services?serviceId="+name, bytes.NewBufferString(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("X-Goog-Authenticated-User", ada)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		s.Fatalf("create %s: %s", full, res.Status)
	}
	if err := shared.Run.WaitSplit(s.ctx, full, func(now map[string]int64) bool { return len(now) == 1 }); err != nil {
		s.Fatal(err)
	}
	return s.newest(service)
}

// newest is the newest ready revision.
func (s *scene) newest(service string) string {
	s.Helper()
	svc, err := shared.Run.Service(shared.Service(service))
	if err != nil {
		s.Fatal(err)
	}
	return svc.LatestReadyRevision[strings.LastIndex(svc.LatestReadyRevision, "/")+1:]
}

// noTraffic deploys an image without traffic, as gcloud run deploy --no-traffic does, and returns its revision.
func (s *scene) noTraffic(service, image string) string {
	s.Helper()
	before := s.newest(service)
	err := shared.Run.ExternalPatch(shared.Service(service), func(svc *run.GoogleCloudRunV2Service) {
		svc.Template.Revision, svc.Template.Containers[0].Image = "", image
		svc.Traffic = traffic(svc)
	}, ada)
	if err != nil {
		s.Fatal(err)
	}
	s.until("the revision to be ready", func() bool { return s.newest(service) != before })
	return s.newest(service)
}

// until looks again and again until what it waits for is so.
func (s *scene) until(what string, done func() bool) {
	s.Helper()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-s.ctx.Done():
			s.Fatalf("waiting for %s: %s", what, s.says())
		}
	}
}

// traffic is what serves, by name.
func traffic(svc *run.GoogleCloudRunV2Service) []*run.GoogleCloudRunV2TrafficTarget {
	var out []*run.GoogleCloudRunV2TrafficTarget
	for _, t := range svc.TrafficStatuses {
		if t.Percent > 0 {
			out = append(out, named(t.Revision, t.Percent))
		}
	}
	return out
}

func named(revision string, percent int64) *run.GoogleCloudRunV2TrafficTarget {
	return &run.GoogleCloudRunV2TrafficTarget{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: revision, Percent: percent}
}

// gives is somebody who gives a revision everything past Serin.
func (s *scene) gives(service, revision string) {
	s.Helper()
	err := shared.Run.ExternalPatch(shared.Service(service), func(svc *run.GoogleCloudRunV2Service) {
		svc.Traffic = []*run.GoogleCloudRunV2TrafficTarget{named(revision, 100)}
	}, ada)
	if err != nil {
		s.Fatal(err)
	}
	s.has(service, map[string]int64{revision: 100})
}

// has waits until the service has these shares.
func (s *scene) has(service string, want map[string]int64) {
	s.Helper()
	if err := shared.Run.WaitSplit(s.ctx, shared.Service(service), func(now map[string]int64) bool { return maps.Equal(now, want) }); err != nil {
		s.Fatalf("want %v, have %v: %v; %s", want, shared.Run.Shares(shared.Service(service)), err, s.says())
	}
}

// users send requests to a service until the test ends.
func (s *scene) users(service string) {
	s.Helper()
	svc, err := shared.Run.Service(shared.Service(service))
	if err != nil {
		s.Fatal(err)
	}
	c := shared.Run.Client()
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	s.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		every := time.NewTicker(4 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, svc.Uri, nil)
			if err != nil {
				return
			}
			if res, err := c.Do(req); err == nil {
				_ = res.Body.Close()
			}
		}
	}()
}

// derived is the pipeline of a service's releases.
func (s *scene) derived(service string) string {
	location, name, _ := strings.Cut(shared.Service(service), "/services/")
	return pipeline.Watched{Pipeline: s.watch.Pipeline, Service: name, Location: location}.Name()
}

// ends waits until the release's rollout satisfies done.
func (s *scene) ends(service, release string, done func(client.Rollout) bool) client.Rollout {
	s.Helper()
	p := s.derived(service)
	s.pass(func(w rollout.WatchStatus) bool {
		return slices.ContainsFunc(w.Services, func(x rollout.WatchedService) bool { return x.Pipeline == p && x.Release == release })
	})
	name, err := shared.Client.WaitRollout(s.ctx, p, release, p)
	if err != nil {
		s.Fatalf("rollout of %s: %v; %s", release, err, s.says())
	}
	d := drive.Driver{T: s, Ctx: s.ctx, World: shared, Pipeline: p, Target: p}
	return d.Until(name, done)
}

// pass waits for a pass that satisfies done.
func (s *scene) pass(done func(rollout.WatchStatus) bool) rollout.WatchStatus {
	s.Helper()
	var last rollout.WatchStatus
	s.until("a pass", func() bool {
		w, err := shared.Client.DescribeWatch(s.ctx, s.watch.Name)
		if err != nil || w.Status == nil {
			return false
		}
		last = *w.Status
		return done(last)
	})
	return last
}

// passes waits for n more passes, from now on.
func (s *scene) passes(n int) rollout.WatchStatus {
	s.Helper()
	var last rollout.WatchStatus
	for since := time.Now(); n > 0; n-- {
		last = s.pass(func(w rollout.WatchStatus) bool { return w.Started.After(since) })
		since = last.Ended
	}
	return last
}

func (s *scene) says() string {
	w, err := shared.Client.DescribeWatch(context.WithoutCancel(s.ctx), s.watch.Name)
	return fmt.Sprintf("watch %+v %v", w.Status, err)
}

// splits are the shares that a revision had since the watch began, each once after another.
func (s *scene) splits(service, revision string) []int64 {
	out := []int64{0}
	for _, split := range shared.Run.Splits(shared.Service(service)) {
		if now := split.Shares[revision]; out[len(out)-1] != now {
			out = append(out, now)
		}
	}
	return out
}

// deploys an image with all the traffic, and returns its revision.
func (s *scene) deploys(service, image string) string {
	s.Helper()
	revision := s.noTraffic(service, image)
	s.gives(service, revision)
	return revision
}

// stamp is what a rollout of another pipeline leaves on a service.
func (s *scene) stamp(service, pipeline string) {
	s.Helper()
	err := shared.Run.ExternalPatch(shared.Service(service), func(svc *run.GoogleCloudRunV2Service) {
		svc.Annotations = map[string]string{"serin.dev/pipeline": pipeline}
	}, ada)
	if err != nil {
		s.Fatal(err)
	}
}

// writes counts the requests that change the service that has the watch's name.
func (s *scene) writes() int {
	n := 0
	for _, r := range shared.Run.Log() {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.Path, "/"+shared.Service(s.watch.Name)) && !strings.Contains(r.Query, "validateOnly=true") {
			n++
		}
	}
	return n
}

// releases wants these releases of a service and no other.
func (s *scene) releases(service string, want ...string) {
	s.Helper()
	var got []string
	s.until(fmt.Sprintf("releases %v, not %v", want, got), func() bool { // a list may be behind
		all, err := shared.Client.Releases(s.ctx, client.Filter{Pipeline: s.derived(service)})
		if err != nil {
			return false
		}
		got = nil
		for _, r := range all {
			got = append(got, r.Release)
		}
		slices.Sort(got)
		return len(got) >= len(want)
	})
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("releases are %v, want %v", got, want)
	}
}
