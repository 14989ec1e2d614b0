package watch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/watch"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

const gradual = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: gradual}
serialPipeline:
  stages:
  - targetId: anywhere
    strategy:
      canary:
        runtimeConfig: {cloudRun: {automaticTrafficControl: true}}
        canaryDeployment:
          percentages: [5]
          advance: {mode: automatic}
          analysis: {duration: 600s, prometheus: {address: "http://prometheus:9090", checks: [{id: up, query: up, min: 1}]}}
`

// serin is one in memory: what is applied is configured, and a release has its document.
type serin struct {
	t       *testing.T
	store   *artifact.Store
	index   rollout.Index
	sent    []string
	created []rollout.CreateRequest
	refuse  error // of releases
}

func newSerin(t *testing.T) *serin {
	t.Helper()
	s := &serin{t: t, store: artifact.New(memblob.OpenBucket(nil))}
	t.Cleanup(func() { _ = s.store.Close() })
	s.apply(gradual)
	s.sent = nil
	return s
}

func (s *serin) apply(yaml string) {
	s.t.Helper()
	if _, err := s.Apply(s.t.Context(), []byte(yaml), "ann"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *serin) Index(context.Context) (rollout.Index, error) { return s.index, nil }

func (s *serin) Apply(ctx context.Context, yaml []byte, actor string) (rollout.ApplyResult, error) {
	config, err := pipeline.Load(pipeline.File{Name: "applied", Content: yaml})
	if err != nil {
		return rollout.ApplyResult{}, err
	}
	documents, err := config.Documents()
	if err != nil {
		return rollout.ApplyResult{}, err
	}
	for _, d := range documents {
		digest, err := s.store.Put(ctx, d.Content)
		if err != nil {
			return rollout.ApplyResult{}, err
		}
		entry := rollout.Entry{Kind: d.Kind, Name: d.Name, Digest: digest}
		known := false
		for i, e := range s.index.Entries {
			if e.Kind == d.Kind && e.Name == d.Name {
				s.index.Entries[i], known = entry, true
			}
		}
		if !known {
			s.index.Entries = append(s.index.Entries, entry)
		}
		s.sent = append(s.sent, fmt.Sprintf("apply %s %s by %s", d.Kind, d.Name, actor))
	}
	return rollout.ApplyResult{}, nil
}

func (s *serin) CreateRelease(ctx context.Context, r rollout.CreateRequest) (rollout.ReleaseStatus, error) {
	if s.refuse != nil {
		return rollout.ReleaseStatus{}, s.refuse
	}
	s.sent, s.created = append(s.sent, "release "+r.Pipeline+"/"+r.Release), append(s.created, r)
	return rollout.ReleaseStatus{}, s.store.PutNamed(ctx, rollout.DocumentName(r.Pipeline, r.Release), []byte("{}"))
}

func request(revision string) activities.AdoptRequest {
	return activities.AdoptRequest{
		Watch: rollout.Watch{Name: "all", Pipeline: "gradual", MinRequests: 10},
		Service: rollout.FoundService{
			Location: "projects/shop/locations/europe-west1", Service: "cart", Ready: revision,
			Images: []rollout.FoundImage{{Name: "app", Image: "img/cart:" + revision}, {Name: "proxy", Image: "img/proxy"}},
		},
	}
}

func (s *serin) adopt(r activities.AdoptRequest) (activities.AdoptResult, error) {
	s.sent = nil
	return watch.New(s.store, s).Adopt(s.t.Context(), r)
}

// wantSent wants what was asked of Serin since the last adopt.
func (s *serin) wantSent(want ...string) {
	s.t.Helper()
	if got := strings.Join(s.sent, "\n"); got != strings.Join(want, "\n") {
		s.t.Errorf("sent\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestARevisionBecomesAReleaseOnce(t *testing.T) {
	t.Parallel()
	s := newSerin(t)
	const name = "gradual-cart-europe-west1"
	for i, row := range []struct {
		revision string
		made     bool
		sent     []string
	}{
		{"cart-2", true, []string{"apply DeliveryPipeline " + name + " by watch/all", "apply Target " + name + " by watch/all", "release " + name + "/cart-2"}},
		{"cart-2", false, nil},
		{"cart-3", true, []string{"release " + name + "/cart-3"}}, // the pipeline is as it was
		{"cart-2", false, nil},
	} {
		res, err := s.adopt(request(row.revision))
		if err != nil || res != (activities.AdoptResult{Pipeline: name, Release: row.revision, Made: row.made}) {
			t.Errorf("%d: %+v, %v", i, res, err)
		}
		s.wantSent(row.sent...)
	}
	s.apply(strings.Replace(gradual, "[5]", "[5, 50]", 1))
	if _, err := s.adopt(request("cart-4")); err != nil {
		t.Error(err)
	}
	if len(s.sent) != 3 || !strings.HasPrefix(s.sent[0], "apply DeliveryPipeline "+name) {
		t.Errorf("after the pipeline was changed: %v", s.sent)
	}
}

func TestTheSourceIsARevisionToAdopt(t *testing.T) {
	t.Parallel()
	s := newSerin(t)
	if _, err := s.adopt(request("cart-2")); err != nil {
		t.Fatal(err)
	}
	packed, err := s.store.Get(t.Context(), s.created[0].Source)
	if err != nil {
		t.Fatal(err)
	}
	files, err := render.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	source, err := render.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	m, err := source.Render(render.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if service, problems := render.CheckCloudRun(m, false); service != "cart" || len(problems) > 0 {
		t.Errorf("service %q, %v", service, problems)
	}
	const want = `apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: cart
spec:
  template:
    metadata:
      annotations:
        serin.dev/adopt-revision: cart-2
    spec:
      containers:
        - name: app
          image: img/cart:cart-2
        - name: proxy
          image: img/proxy
`
	if got := string(m.Content); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatCannotBeAdopted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		with func(*serin, *activities.AdoptRequest)
		text string
	}{
		{"a service of another pipeline", func(_ *serin, r *activities.AdoptRequest) { r.Service.Owner = "billing" }, "service cart belongs to pipeline billing"},
		{"a revision that is gone", func(_ *serin, r *activities.AdoptRequest) { r.Service.Images = nil }, "it is not there any more"},
		{"a pipeline that is gone", func(_ *serin, r *activities.AdoptRequest) { r.Watch.Pipeline = "gone" }, "it does not exist; known are gradual"},
		{"a pipeline that fits no more", func(s *serin, _ *activities.AdoptRequest) {
			s.apply(strings.Replace(gradual, "min: 1}]}}", "min: 1}]}, onInconclusive: pass}", 1))
		}, "onInconclusive: is pass"},
		{"a pipeline that is suspended", func(s *serin, _ *activities.AdoptRequest) {
			s.apply(strings.Replace(gradual, "serialPipeline", "suspended: true\nserialPipeline", 1))
		}, "pipeline gradual is suspended"},
		{"a release that is refused", func(s *serin, _ *activities.AdoptRequest) { s.refuse = errors.New("no") }, "no"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSerin(t)
			r := request("cart-2")
			row.with(s, &r)
			_, err := s.adopt(r)
			if err == nil || !strings.Contains(err.Error(), row.text) {
				t.Errorf("got %v, want %q", err, row.text)
			}
			if len(s.created) > 0 {
				t.Errorf("made %v", s.created)
			}
		})
	}
}

func TestItsOwnStampIsNobodyElses(t *testing.T) {
	t.Parallel()
	s := newSerin(t)
	r := request("cart-2")
	r.Service.Owner = "gradual-cart-europe-west1"
	if res, err := s.adopt(r); err != nil || !res.Made {
		t.Errorf("%+v, %v", res, err)
	}
}
