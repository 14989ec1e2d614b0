package e2e_test

import (
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
	"github.com/serin-dev/serin/worker"
)

// TestBadReleases: a release that cannot be planned says operation, object, cause and
// fix, and leaves nothing behind: no lane, no rollout, no write, and its name is free.
func TestBadReleases(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		config world.Configuration
		ask    func(s *scene, r *rollout.CreateRequest)
		kind   rollout.Kind
		texts  []string
	}{
		{
			name: "a-pipeline", kind: rollout.NotFound,
			ask:   func(_ *scene, r *rollout.CreateRequest) { r.Pipeline = "a-pipelin" },
			texts: []string{`"a-pipelin"`, "known are a-pipeline, "}, // and all the others
		},
		{
			name: "unknown-target", kind: rollout.Invalid, config: world.Configuration{NoTarget: true},
			texts: []string{"DeliveryPipeline/unknown-target:7: serialPipeline.stages[0].targetId", `target "unknown-target-prod" does not exist`},
		},
		{
			name: "traffic-stanza", kind: rollout.Invalid,
			ask: func(s *scene, r *rollout.CreateRequest) {
				r.Source = s.source(world.Manifest(s.pipeline(), "img/v2") + "  traffic:\n    - {latestRevision: true, percent: 10}\n")
			},
			texts: []string{"service.yaml", "spec.traffic", "remove it (only a custom canary writes its own)"},
		},
		{
			name: "not-yaml", kind: rollout.Invalid,
			ask:   func(s *scene, r *rollout.CreateRequest) { r.Source = s.source("kind: [") },
			texts: []string{"service.yaml"},
		},
		{
			name: "damaged-source", kind: rollout.Corrupt,
			ask: func(s *scene, r *rollout.CreateRequest) {
				r.Source = s.source(world.Manifest(s.pipeline(), "img/v2"))
				s.damage(r.Source)
			},
			texts: []string{"artifact: get", "has digest sha256:", "put the same content again"},
		},
		{
			name: "no-such-source", kind: rollout.NotFound,
			ask:   func(_ *scene, r *rollout.CreateRequest) { r.Source = rollout.Digest([]byte("never stored")) },
			texts: []string{"artifact: get"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.config.Pipeline, row.config.Canary = row.name, world.Percentages([]int{25}, "")
			s := stage(t, shared, row.config)
			r := rollout.CreateRequest{
				Pipeline: s.pipeline(), Release: "v1", Actor: "ann", Source: s.source(world.Manifest(s.pipeline(), "img/v1")),
			}
			if row.ask != nil {
				row.ask(s, &r)
			}
			_, err := s.w.Client.CreateRelease(s.ctx, r)
			t.Log(err)
			s.refuses(err, row.kind, append(row.texts, "create release v1")...)
			s.nothing()
			s.config.NoTarget = false
			s.apply()
			s.live() // under the same name
			s.serves("v1 100%")
		})
	}
}

func (s *scene) source(manifest string) string {
	s.t.Helper()
	digest, err := s.w.Source(s.ctx, map[string]string{"service.yaml": manifest})
	if err != nil {
		s.t.Fatal(err)
	}
	return digest
}

func (s *scene) damage(digest string) {
	s.t.Helper()
	if err := s.w.Damage(digest); err != nil {
		s.t.Fatal(err)
	}
}

// nothing wants no lane, and no service on the platform.
func (s *scene) nothing() {
	s.t.Helper()
	if _, err := s.w.Client.Lane(s.ctx, s.pipeline(), s.config.Target()); rollout.KindOf(err) != rollout.NotFound {
		s.t.Errorf("the lane: %v", err)
	}
	if _, err := s.w.Run.Service(s.service()); err == nil {
		s.t.Error("a service was made")
	}
}

// TestABadFileChangesNothing: an apply takes all of a file or nothing.
func TestABadFileChangesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, "bad-file", []int{25}, "")
	good := world.Pipeline("bad-file-other", s.w.Run.URL(), []int{25}, "")
	bad := world.Pipeline("bad-file", s.w.Run.URL(), []int{50, 25, 101}, "advance: {mode: sometimes}")
	_, err := s.w.Client.Apply(s.ctx, []byte(good+"---\n"+bad), "ann")
	t.Log(err)
	s.refuses(err, rollout.Invalid, "percentages[1]", "percentages[2]: is 101, want from 0 to 100", "advance.mode", `"sometimes"`)
	index, err := s.w.Client.Index(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range index.Entries {
		if e.Name == "bad-file-other" {
			t.Errorf("%s of the same file was taken over", e.Name)
		}
	}
	s.live()
	v2 := s.release("v2") // by the pipeline as it was
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, v2 25%", "v2 100%")
}

// TestADuplicateReleaseName: the same content again is the same release, other content
// is a conflict, also after the first has ended.
func TestADuplicateReleaseName(t *testing.T) {
	t.Parallel()
	s := newScene(t, "duplicate", []int{25}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	for _, name := range []string{"v2", "v1"} { // one runs, one has ended
		if again := s.release(name); again != name+"-to-duplicate-prod-0001" {
			t.Errorf("the same again is rollout %s", again)
		}
		_, err := s.create(name, map[string]string{"service.yaml": world.Manifest(s.pipeline(), "img/other")})
		s.refuses(err, rollout.Conflict, "create release "+name, "exists with other content", "choose another name")
	}
	s.drive.Names = s.drive.Names[:2]
	lane, err := s.w.Client.Lane(s.ctx, s.pipeline(), s.config.Target())
	if err != nil || len(lane.Records) != 2 || lane.Holder != v2 {
		t.Errorf("lane %+v, %v", lane, err)
	}
	s.serves("v1 100%", "v1 75%, v2 25%")
}

// TestUnknownNames: what does not exist is named, with what does.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	s := newScene(t, "unknown", []int{25}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	c := s.w.Client
	_, err := c.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-52"})
	s.refuses(err, rollout.NotFound, "advance "+v2, `phase "canary-52"`, "its phases are canary-25, stable")
	_, err = c.WaitRollout(s.ctx, s.pipeline(), "v2", "moon")
	s.refuses(err, rollout.NotFound, "v2 to moon", "its targets: unknown-prod")
	_, err = c.Advance(s.ctx, s.pipeline(), "v9-to-unknown-prod-0001", rollout.Command{Phase: "stable"})
	s.refuses(err, rollout.NotFound, "advance v9-to-unknown-prod-0001", "does not exist", "serin rollout list --pipeline unknown")
	_, err = c.Release(s.ctx, s.pipeline(), "v9")
	s.refuses(err, rollout.NotFound, "read release v9", "does not exist", "serin release list --pipeline unknown")
	_, err = c.Command(s.ctx, s.pipeline(), v2, "promote", rollout.Command{})
	s.refuses(err, rollout.Invalid, "unknown command, known are advance, approve, cancel, ignoreJob, pause, reject, resume, retryJob, terminateJobRun")
	s.serves("v1 100%", "v1 75%, v2 25%")
}

// TestADamagedManifest: what was stored is not what is read. Nothing is written before
// the first phase; later the rollout fails and traffic goes back.
func TestADamagedManifest(t *testing.T) {
	t.Parallel()
	s := newScene(t, "damaged", []int{25, 50}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("canary-50"))
	plan, err := s.w.Client.Plan(s.ctx, s.pipeline(), v2)
	if err != nil {
		t.Fatal(err)
	}
	s.damage(plan.Phases[1].Manifest)
	s.advance(v2, "canary-50")
	got := s.until(v2, drive.In(rollout.StateFailed))
	contains(t, got.Failure, "artifact: get", "has digest sha256:", "put the same content again")
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%")
	if !got.Restored {
		t.Errorf("not restored: %s", got.Failure)
	}
}

// TestTemporalUnreachable: both programs say where they looked and what to do.
func TestTemporalUnreachable(t *testing.T) {
	t.Parallel()
	s := &scene{t: t}
	began := time.Now()
	_, err := client.Dial(t.Context(), client.Options{Address: "127.0.0.1:1"}, nil)
	s.refuses(err, rollout.Unreachable, "connect to Temporal at 127.0.0.1:1", "connection refused", "TEMPORAL_ADDRESS")
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestTemporalGoesAway: a call to a server that has stopped says so, and nothing of it
// is done.
func TestTemporalGoesAway(t *testing.T) {
	t.Parallel()
	w := start(t)
	c, err := client.Dial(t.Context(), client.Options{Address: w.Server.Address()}, w.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err = w.Server.Stop(); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t}
	_, err = c.Advance(t.Context(), "shop", "v2-to-prod-0001", rollout.Command{Phase: "stable"})
	s.refuses(err, rollout.Unreachable, "advance v2-to-prod-0001", w.Server.Address(), "is Temporal running there")
}

// TestAPrivateFolderAndAnotherQueue: a target whose workers may not see the artifact
// folder is refused when the release is planned.
func TestAPrivateFolderAndAnotherQueue(t *testing.T) {
	t.Parallel()
	w := start(t)
	stop, err := w.WorkerWith(worker.Options{TaskQueue: rollout.DefaultTaskQueue})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s := stage(t, w, world.Configuration{Pipeline: "private", Canary: world.Percentages([]int{25}, ""), TaskQueue: "far"})
	_, err = s.create("v1", map[string]string{"service.yaml": world.Manifest("private", "img/v1")})
	s.refuses(err, rollout.Refused, "private-prod", "task queue far", "SERIN_ARTIFACTS_SHARED=1", "gs://")
	s.nothing()
	if _, err := w.Temporal.DescribeWorkflow(s.ctx, rollout.LaneID("private", "private-prod"), ""); !isNotFound(err) {
		t.Errorf("the lane: %v", err)
	}
}

func isNotFound(err error) bool {
	_, ok := err.(*serviceerror.NotFound) //nolint:errorlint // what the client returns as it is
	return ok
}

// start starts a world of the test's own.
func start(t *testing.T) *world.World {
	t.Helper()
	w, err := world.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}
