package release_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"gocloud.dev/blob/memblob"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/release"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

const configuration = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: shop}
serialPipeline:
  stages:
    - targetId: prod
      strategy:
        canary:
          runtimeConfig: {cloudRun: {automaticTrafficControl: true}}
          canaryDeployment: {percentages: [25, 50]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod}
run: {location: projects/p/locations/europe-west1}
`

const manifest = `apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: shop
spec:
  template:
    spec:
      containers:
        - image: app
`

// desk is the activities over a store in memory and what is configured now.
type desk struct {
	*release.Activities
	store *artifact.Store
	index *rollout.Index // nil: nothing was ever applied
}

func newDesk(tb testing.TB, private bool) *desk {
	tb.Helper()
	d := &desk{store: artifact.New(memblob.OpenBucket(nil))}
	tb.Cleanup(func() {
		if err := d.store.Close(); err != nil {
			tb.Error(err)
		}
	})
	d.Activities = release.New(d.store, d, private)
	return d
}

// QueryWorkflow answers for the Config workflow.
func (d *desk) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	if d.index == nil {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return answer{*d.index}, nil
}

type answer struct{ index rollout.Index }

func (a answer) HasValue() bool { return true }
func (a answer) Get(to any) error {
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(a.index))
	return nil
}

func (d *desk) put(t *testing.T, content string) string {
	t.Helper()
	digest, err := d.store.Put(t.Context(), []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func (d *desk) apply(t *testing.T, yaml string) rollout.ApplyResult {
	t.Helper()
	var index rollout.Index
	if d.index != nil {
		index = *d.index
	}
	res, err := d.ReadConfiguration(t.Context(), activities.ReadRequest{Documents: d.put(t, yaml), Index: index})
	if err != nil {
		t.Fatal(err)
	}
	d.index = &res.Index
	return res.Result
}

func (d *desk) source(t *testing.T, manifest string) string {
	t.Helper()
	packed, err := render.Pack(fstest.MapFS{"service.yaml": &fstest.MapFile{Data: []byte(manifest)}})
	if err != nil {
		t.Fatal(err)
	}
	return d.put(t, string(packed))
}

func names(entries []rollout.Entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Kind+"/"+e.Name)
	}
	return strings.Join(out, " ")
}

func TestApplyMergesByName(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	first := d.apply(t, configuration)
	if got, want := names(first.Created), "DeliveryPipeline/shop Target/prod"; got != want {
		t.Errorf("created %q, want %q", got, want)
	}
	again := d.apply(t, configuration)
	if names(again.Unchanged) != names(first.Created) || len(again.Created)+len(again.Updated) != 0 || d.index.Version != 1 {
		t.Errorf("the same again: %+v, version %d", again, d.index.Version)
	}
	changed := d.apply(t, strings.Replace(configuration, "[25, 50]", "[10]", 1))
	if names(changed.Updated) != "DeliveryPipeline/shop" || d.index.Version != 2 {
		t.Errorf("changed: %+v, version %d", changed, d.index.Version)
	}
}

func TestApplyTakesAllOrNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	_, err := d.ReadConfiguration(t.Context(), activities.ReadRequest{
		Documents: d.put(t, configuration+"---\napiVersion: serin.dev/v1\nkind: Target\nmetadata: {name: Bad Name}\nrun: {location: x}\n"),
	})
	kind, text := activities.Cause(err)
	if kind != rollout.Invalid || !strings.Contains(text, "metadata.name") || !strings.Contains(text, "run.location") {
		t.Errorf("%s %q does not name every problem", kind, text)
	}
}

func TestApplyWarnsOfATargetThatIsMissing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	res := d.apply(t, configuration[:strings.Index(configuration, "---")])
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "prod") {
		t.Errorf("warnings %q", res.Warnings)
	}
}

func TestPlanFreezesARelease(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration)
	req := rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest), Images: map[string]string{"app": "reg/app:1"}}
	res, err := d.PlanRelease(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	plan := res.Stages[0].Plan
	if plan.Digest != req.Digest() || plan.CloudRun.Service != "shop" || plan.OnFailure != rollout.OnFailureRestore {
		t.Errorf("plan %+v", plan)
	}
	for _, ph := range plan.Phases {
		content, missing := d.store.Get(t.Context(), ph.Manifest)
		if missing != nil || !strings.Contains(string(content), "image: reg/app:1") {
			t.Errorf("manifest of %s: %v\n%s", ph.ID, missing, content)
		}
	}
	// What is configured later changes nothing, and the same request is the same release.
	d.apply(t, strings.Replace(configuration, "[25, 50]", "[10]", 1))
	again, err := d.PlanRelease(t.Context(), req)
	if err != nil || len(again.Stages[0].Plan.Phases) != 3 {
		t.Errorf("again: %v %+v", err, again)
	}
	content, err := d.store.GetNamed(t.Context(), res.Document)
	if err != nil {
		t.Fatal(err)
	}
	var doc release.Document
	if err := json.Unmarshal(content, &doc); err != nil || names(doc.Snapshot.Entries) != "DeliveryPipeline/shop Target/prod" {
		t.Errorf("document: %v %+v", err, doc.Snapshot)
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	suspended := strings.Replace(configuration, "serialPipeline:", "suspended: true\nserialPipeline:", 1)
	for _, row := range []struct {
		name    string
		yaml    string
		private bool
		request func(*desk, *rollout.CreateRequest)
		kind    rollout.Kind
		text    string
	}{
		{name: "an unknown pipeline", request: func(_ *desk, r *rollout.CreateRequest) { r.Pipeline = "shpo" }, kind: rollout.NotFound, text: `pipeline "shpo" does not exist; known are shop`},
		{name: "a suspended pipeline", yaml: suspended, kind: rollout.Refused, text: "suspended"},
		{
			name: "jobs with their own settings, which this build cannot have", kind: rollout.Unsupported, text: "executionConfigs[0].verbose",
			yaml: strings.Replace(configuration, "run: {location", "executionConfigs: [{usages: [RENDER, DEPLOY], verbose: true}]\nrun: {location", 1),
		},
		{
			name: "a traffic stanza", kind: rollout.Invalid, text: "spec.traffic",
			request: func(d *desk, r *rollout.CreateRequest) {
				r.Source = d.source(t, manifest+"  traffic:\n    - latestRevision: true\n      percent: 100\n")
			},
		},
		{
			name: "an image that no manifest has", kind: rollout.Invalid, text: "worker",
			request: func(_ *desk, r *rollout.CreateRequest) { r.Images = map[string]string{"worker": "reg/w:1"} },
		},
		{
			name: "a source that was never stored", kind: rollout.NotFound, text: "000000",
			request: func(_ *desk, r *rollout.CreateRequest) { r.Source = "sha256:" + strings.Repeat("0", 64) },
		},
		{
			name: "a folder that the target's workers do not see", private: true, kind: rollout.Refused, text: "task queue eu",
			yaml: strings.Replace(configuration, "run: {location", "taskQueue: eu\nrun: {location", 1),
		},
		{
			name: "another release of a name that is taken", kind: rollout.Conflict, text: "choose another name",
			request: func(d *desk, r *rollout.CreateRequest) {
				if _, err := d.PlanRelease(t.Context(), *r); err != nil {
					t.Error(err)
				}
				r.Description = "another one"
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, row.private)
			if row.yaml == "" {
				row.yaml = configuration
			}
			d.apply(t, row.yaml)
			req := rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest)}
			if row.request != nil {
				row.request(d, &req)
			}
			_, err := d.PlanRelease(t.Context(), req)
			kind, text := activities.Cause(err)
			if kind != row.kind || !strings.Contains(text, row.text) {
				t.Errorf("got %s %q, want %s with %q", kind, text, row.kind, row.text)
			}
		})
	}
}

func TestBeforeTheFirstApplyThereIsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	_, err := d.PlanRelease(t.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest)})
	if kind, text := activities.Cause(err); kind != rollout.NotFound {
		t.Errorf("got %s %q", kind, text)
	}
}

func TestPermitReadsLive(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	ask := func() string {
		res, err := d.Permit(t.Context(), activities.PermitRequest{Pipeline: "shop", Target: "prod", Command: "advance"})
		if err != nil {
			t.Fatal(err)
		}
		return res.Refused
	}
	d.apply(t, configuration)
	if got := ask(); got != "" {
		t.Errorf("refused: %s", got)
	}
	d.apply(t, strings.Replace(configuration, "serialPipeline:", "suspended: true\nserialPipeline:", 1))
	if got := ask(); !strings.Contains(got, "pipeline shop is suspended") {
		t.Errorf("while suspended: %q", got)
	}
	for _, command := range []string{rollout.CommandCancel, rollout.CommandTerminate} {
		res, err := d.Permit(t.Context(), activities.PermitRequest{Pipeline: "shop", Target: "prod", Command: command})
		if err != nil || res.Refused != "" {
			t.Errorf("nobody can stop with %s: %v %s", command, err, res.Refused)
		}
	}
	d.index = &rollout.Index{}
	if got := ask(); got != "" {
		t.Errorf("after it was removed: %q", got)
	}
}
