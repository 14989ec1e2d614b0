package custom_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// patience is how long a test may take.
const patience = 2 * time.Minute

// What the containers do. The destination is a folder: what is served is in serves, and who ran in ran.
const (
	// begin waits at a gate where there is one, so that a test knows that the container runs.
	begin = `set -eu
export PATH=/usr/bin:/bin
site=$CLOUD_DEPLOY_customTarget_site
out=${CLOUD_DEPLOY_OUTPUT_GCS_PATH#file://}
mkdir -p "$out"
echo "$CLOUD_DEPLOY_REQUEST_TYPE $CLOUD_DEPLOY_PHASE of $CLOUD_DEPLOY_RELEASE" >> "$site/ran"
if [ -p "$site/$CLOUD_DEPLOY_REQUEST_TYPE" ]; then read -r _ < "$site/$CLOUD_DEPLOY_REQUEST_TYPE"; fi
`
	rendering = begin + `tar -xzf "${CLOUD_DEPLOY_INPUT_GCS_PATH#file://}" -C "$out"
if grep -q "does not render" "$out/page.txt"; then
  echo "page.txt has a typo"
  echo '{"resultStatus": "FAILED", "failureMessage": "page.txt, line 1"}' > "$out/results.json"
  exit 0
fi
echo "$CLOUD_DEPLOY_PHASE of $CLOUD_DEPLOY_RELEASE, ${CLOUD_DEPLOY_FEATURES-no canary}${VARIANT+, $VARIANT}" > "$out/page.html"
cat "$out/page.txt" >> "$out/page.html"
echo '{"resultStatus": "SUCCEEDED", "manifestFile": "page.html"}' > "$out/results.json"
`
	deploying = begin + `manifest=${CLOUD_DEPLOY_MANIFEST_GCS_PATH#file://} input=${CLOUD_DEPLOY_INPUT_GCS_PATH#file://}
if [ -e "$site/closed" ] || grep -q "does not deploy" "$manifest"; then
  echo "the destination says no"
  exit 3
fi
if [ -d "$input" ]; then cp "$input/page.txt" "$site/asset"; else tar -xzOf "$input" page.txt > "$site/asset"; fi
echo "$CLOUD_DEPLOY_PERCENTAGE_DEPLOY%" > "$site/new"
cat "$manifest" >> "$site/new"
mv "$site/new" "$site/serves"
echo '{"resultStatus": "SUCCEEDED", "metadata": {"site": "https://www.example.com"}}' > "$out/results.json"
`
)

// byTasks is a CustomTargetType whose containers render and deploy.
var byTasks = fmt.Sprintf("tasks: {render: %s, deploy: %s}", task(rendering), task(deploying)) //nolint:gochecknoglobals // a constant

// canary goes by itself.
const canary = "{canary: {canaryDeployment: {percentages: [50], advance: {mode: automatic}}}}"

// task is a task of a pipeline.
func task(script string) string {
	return fmt.Sprintf(`{container: {image: sh, command: [/bin/sh], args: [-c, %q]}}`, script)
}

// options are how a scene is configured.
type options struct {
	kind     string // of the CustomTargetType; "" is byTasks
	typed    string // the target's CustomTargetType; "" is the scene's own
	strategy string // "" is canary
	queue    bool   // the target has a task queue of the scene's name
}

// scene is a pipeline with a target and a location of its own.
type scene struct {
	*drive.Driver
	name string
	site string // the folder that is the destination
}

// open configures a pipeline.
func open(t *testing.T, name string, o options) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &scene{name: fmt.Sprintf("%s-%d", name, shared.scenes.Add(1)), site: t.TempDir()}
	s.Driver = &drive.Driver{T: t, Ctx: ctx, World: shared.World, Pipeline: s.name, Target: s.name + "-prod"}
	s.configure(o)
	return s
}

// configure is for the releases that come.
func (s *scene) configure(o options) {
	s.T.Helper()
	queue := rollout.DefaultTaskQueue
	if o.queue {
		queue = s.name
	}
	s.Apply(fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: %[1]s}
serialPipeline: {stages: [{targetId: %[1]s-prod, strategy: %[2]s}]}
---
apiVersion: deploy.cloud.google.com/v1
kind: CustomTargetType
metadata: {name: %[1]s}
%[3]s
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: %[1]s-prod}
taskQueue: %[4]s
deployParameters: {customTarget/site: %[5]q}
customTarget: {customTargetType: %[7]s, run: {location: projects/serin/locations/%[1]s, endpoint: %[6]q}}
`, s.name, cmp.Or(o.strategy, canary), cmp.Or(o.kind, byTasks), queue, s.site, shared.Run.URL(), cmp.Or(o.typed, s.name)))
}

// page is a release's source.
func page(text string) map[string]string { return map[string]string{"page.txt": text + "\n"} }

// succeed makes releases one after another, each of which goes all the way by itself.
func (s *scene) succeed(releases ...string) {
	s.T.Helper()
	for _, release := range releases {
		s.Until(s.Release(release, page("hello from "+release)), drive.In(rollout.StateSucceeded))
	}
}

// read is the content of a file of the destination, "" where there is none.
func (s *scene) read(file string) string {
	s.T.Helper()
	content, err := os.ReadFile(filepath.Join(s.site, file))
	if err != nil && !os.IsNotExist(err) {
		s.T.Fatal(err)
	}
	return string(content)
}

// serves wants what the destination serves, and that a release's source came with it.
func (s *scene) serves(want, asset string) {
	s.T.Helper()
	if got := s.read("serves"); got != want {
		s.T.Errorf("it serves %q, want %q", got, want)
	}
	if got := s.read("asset"); got != asset {
		s.T.Errorf("it has %q, want %q", got, asset)
	}
}

// close makes the destination refuse every deploy, until it opens.
func (s *scene) close() {
	s.T.Helper()
	s.must(os.WriteFile(filepath.Join(s.site, "closed"), nil, 0o600))
}

func (s *scene) opens() {
	s.T.Helper()
	s.must(os.Remove(filepath.Join(s.site, "closed")))
}

// ran wants the containers that began for a request since the last call. Those that render do it at once.
func (s *scene) ran(want ...string) {
	s.T.Helper()
	got := strings.Split(strings.TrimSuffix(s.read("ran"), "\n"), "\n")
	for i := 1; i < len(got); i++ { // there are two phases at most
		if a, b := got[i-1], got[i]; strings.HasPrefix(b, "RENDER") && strings.HasPrefix(a, "RENDER stable") && a > b {
			got[i-1], got[i] = b, a
		}
	}
	if !slices.Equal(got, want) {
		s.T.Errorf("there ran\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	s.must(os.Remove(filepath.Join(s.site, "ran")))
}

// manifest is what the rollout's plan deploys in a phase.
func (s *scene) manifest(name, phase string) string {
	s.T.Helper()
	plan, err := shared.Client.Plan(s.Ctx, s.name, name)
	s.must(err)
	i := slices.IndexFunc(plan.Phases, func(p rollout.Phase) bool { return p.ID == phase })
	content, err := shared.Store.Get(s.Ctx, plan.Phases[i].Manifest)
	s.must(err)
	return string(content)
}

// rollback goes back once the lane knows how the rollouts have ended: a moment later than those who watch them.
func (s *scene) rollback() client.Rollout {
	s.T.Helper()
	s.follow(rollout.LaneID(s.name, s.Target), func() bool {
		s.T.Helper()
		lane, err := shared.Client.Lane(s.Ctx, s.name, s.Target)
		s.must(err)
		newest := lane.Records[len(lane.Records)-1]
		return newest.State == s.Read(newest.Rollout).State
	})
	created, err := shared.Client.Rollback(s.Ctx, s.name, s.Target, rollout.Create{Actor: "ann"})
	s.must(err)
	return s.Until(created.Rollout, drive.In(rollout.StateSucceeded))
}

// closed waits until nothing more may be done with a rollout.
func (s *scene) closed(name string) (got client.Rollout) {
	s.T.Helper()
	s.follow(rollout.RolloutID(s.name, name), func() (done bool) {
		s.T.Helper()
		got = s.Read(name)
		return !got.Open
	})
	return got
}

// follow waits, through a workflow's history, until ready.
func (s *scene) follow(id string, ready func() bool) {
	s.T.Helper()
	events := shared.Temporal.GetWorkflowHistory(s.Ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		s.must(err)
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED && ready() {
			return
		}
	}
	if !ready() {
		s.T.Fatalf("%s has ended, and is not as wanted", id)
	}
}

func (s *scene) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}
