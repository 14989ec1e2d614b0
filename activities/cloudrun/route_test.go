package cloudrun_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// tags lists the tags that the data plane has, as "canary=v2"; names maps
// revisions to shorter names.
func (e *env) tags(names map[string]string) []string {
	var out []string
	for _, s := range e.live().TrafficStatuses {
		if s.Tag != "" {
			name := s.Revision
			if n, ok := names[name]; ok {
				name = n
			}
			out = append(out, s.Tag+"="+name)
		}
	}
	slices.Sort(out)
	return out
}

func TestTagsThroughARollout(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	// Ada's own tags, one of which follows LATEST; it stays with the revision it names now.
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) {
		svc.Traffic = append(
			svc.Traffic,
			&run.GoogleCloudRunV2TrafficTarget{Type: namedType, Revision: first, Tag: "ada"},
			&run.GoogleCloudRunV2TrafficTarget{Type: latestType, Tag: "newest"},
		)
	})
	w := e.canary("v2", first, 25)
	w.CloudRun.CanaryTags = []string{"canary", "next"}
	names := map[string]string{first: "v1", e.observe(w).Revision: "v2"}
	step := func(name string, do func(context.Context, activities.Work) error, w activities.Work, want ...string) {
		t.Helper()
		must(t, do(t.Context(), w))
		wantList(t, "after "+name+" tags", e.tags(names), want)
	}
	step("settle", e.SetWeight, at(w, "canary-25", 0), "ada=v1", "live=v1", "newest=v1", "prior=v1")
	step("deploy", e.Deploy, w, "ada=v1", "canary=v2", "live=v1", "newest=v1", "next=v2", "prior=v1")
	step("set weight", e.SetWeight, w, "ada=v1", "canary=v2", "live=v1", "newest=v1", "next=v2", "prior=v1")
	last := at(w, rollout.StablePhase, 100)
	step("promote", e.Promote, last, "ada=v1", "canary=v2", "live=v1", "newest=v1", "next=v2", "prior=v1")
	step("set weight 100", e.SetWeight, last, "ada=v1", "live=v2", "newest=v1")
	step("remove", e.Remove, last, "ada=v1", "live=v2", "newest=v1")
}

func TestRestorePutsTheBaselineBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) {
		svc.Traffic = append(svc.Traffic, &run.GoogleCloudRunV2TrafficTarget{Type: latestType, Tag: "canary"})
	})
	w := e.canary("v2", first, 25)
	spec, err := e.Record(t.Context(), w)
	must(t, err)
	w.Baseline, err = e.artifacts.Put(t.Context(), spec)
	must(t, err)
	must(t, e.Deploy(t.Context(), w))
	must(t, e.SetWeight(t.Context(), w))
	names := map[string]string{first: "v1", e.observe(w).Revision: "v2"}
	wantList(t, "in the canary phase tags", e.tags(names), []string{"canary=v2", "live=v1", "prior=v1"})
	must(t, e.Restore(t.Context(), w))
	wantList(t, "restored tags", e.tags(names), []string{"canary=v1", "live=v1"})
	if o := e.observe(w); o.Split.Of(first) != 100 {
		t.Errorf("split is %s", o.Split)
	}
}

func TestRestoreMovesTrafficAlthoughTheBaselineIsGone(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	w := e.canary("v2", first, 25)
	must(t, e.Deploy(t.Context(), w))
	must(t, e.SetWeight(t.Context(), w))
	w.Baseline = "sha256:gone"
	wantKind(t, e.Restore(t.Context(), w), rollout.NotFound)
	if o := e.observe(w); o.Split.Of(first) != 100 {
		t.Errorf("split is %s, want all for %s", o.Split, first)
	}
}

func TestStampsAreOursFromTheFirstWriteOn(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.patch("ada", func(svc *run.GoogleCloudRunV2Service) { svc.Annotations["ada.example/note"] = "mine" })
	before := len(e.masks())
	w := e.canary("v2", first, 0)
	w.CloudRun.PriorTags = nil
	must(t, e.SetWeight(t.Context(), w))
	wantList(t, "writes", e.masks()[before:], []string{"annotations"})
	if o := e.observe(w); o.By != cloudruntest.DefaultIdentity {
		t.Errorf("last changed by %s", o.By)
	}
	want := map[string]string{"serin.dev/pipeline": "web", "serin.dev/rollout": "v2-to-prod-0001", "ada.example/note": "mine"}
	if got := e.live().Annotations; !maps.Equal(got, want) {
		t.Errorf("annotations are %v, want %v", got, want)
	}
}

func TestCustomSplit(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	for _, c := range []struct {
		name, traffic, phase, want, problem string
	}{
		{
			name: "latest is this release", phase: "early",
			traffic: "[{latestRevision: true, percent: 5, tag: early}, {revisionName: FIRST, percent: 95}]",
			want:    "FIRST 95%, NEW 5%",
		},
		{name: "stable without a stanza", phase: rollout.StablePhase, want: "NEW 100%"},
		{
			name: "stable with one", phase: rollout.StablePhase,
			traffic: "[{latestRevision: true, percent: 90}, {revisionName: FIRST, percent: 10}]", want: "NEW 90%, FIRST 10%",
		},
		{name: "a phase without one", phase: "early", problem: "spec.traffic: required in phase early"},
		{name: "99 percent", phase: "early", traffic: "[{latestRevision: true, percent: 99}]", problem: "sum to 99"},
		{name: "no revision", phase: "early", traffic: "[{percent: 100}]", problem: "spec.traffic[0]: want either revisionName or latestRevision"},
		{
			name: "out of range", phase: "early", traffic: "[{latestRevision: true, percent: 130}, {revisionName: FIRST, percent: -30}]",
			problem: "130 is not from 0 to 100",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			yaml := manifest("v2")
			if c.traffic != "" {
				yaml += "  traffic: " + strings.ReplaceAll(c.traffic, "FIRST", first) + "\n"
			}
			w := at(e.workFor("v2", yaml), c.phase, 0)
			if w.Promotion {
				w.Weight = 100
			}
			w.Stable, w.Custom = first, true
			split, err := e.Next(t.Context(), w)
			if c.problem != "" {
				wantKind(t, err, rollout.Invalid)
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("error is %v, want %q", err, c.problem)
				}
				return
			}
			must(t, err)
			must(t, e.Deploy(t.Context(), w))
			must(t, e.SetWeight(t.Context(), w))
			o := e.observe(w)
			want := strings.NewReplacer("FIRST", first, "NEW", o.Revision).Replace(c.want)
			if o.Split.String() != want || split.String() != want {
				t.Errorf("split is %s, announced %s, want %s", o.Split, split, want)
			}
		})
	}
}

func TestTrafficStanzaOutsideACustomCanary(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	for stanza, want := range map[string]rollout.Kind{
		"[{latestRevision: true, percent: 100}]":            "",
		"[{latestRevision: true, percent: 100, tag: mine}]": rollout.Invalid,
		"[{revisionName: shop-1, percent: 100}]":            rollout.Invalid,
	} {
		w := at(e.workFor("v1", manifest("v1")+"  traffic: "+stanza+"\n"), rollout.StablePhase, 100)
		if _, err := e.Observe(t.Context(), w); err != nil {
			t.Errorf("%s: observe: %v", stanza, err)
		}
		_, next := e.Next(t.Context(), w)
		for _, err := range []error{next, e.Promote(t.Context(), w)} {
			if got := rollout.KindOf(err); got != want {
				t.Errorf("%s: error is %v, want kind %q", stanza, err, want)
			}
		}
	}
}

func TestSplitIsWrittenAgainAfterThePlatformRefusedIt(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	w := e.canary("v2", first, 25)
	must(t, e.Deploy(t.Context(), w))
	e.inject(cloudruntest.Fault{Kind: cloudruntest.OperationFails, Times: 1})
	must(t, e.SetWeight(t.Context(), w))
	if o := e.observe(w); !o.Settled || o.Progress == "" || o.Split.Of(first) != 100 {
		t.Errorf("observed %+v, want the old split and why", o)
	}
	before := e.writes()
	must(t, e.SetWeight(t.Context(), w))
	if e.writes() == before {
		t.Error("the split was not asked for again")
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	for endpoint, want := range map[string]rollout.Kind{
		"http://example.com":  rollout.Invalid,
		"ftp://127.0.0.1":     rollout.Invalid,
		"127.0.0.1:8080":      rollout.Invalid,
		e.region.URL():        "",
		e.region.URL() + "/":  "",
		"http://localhost:1":  rollout.Transient, // nobody there, but allowed
		"http://[::1]:1":      rollout.Transient,
		"http://10.0.0.1:1/x": rollout.Invalid,
	} {
		w := e.work("v1")
		w.Target.Endpoint = endpoint
		_, err := e.Observe(t.Context(), w)
		if got := rollout.KindOf(err); got != want {
			t.Errorf("%s: error is %v, want kind %q", endpoint, err, want)
		}
	}
	for _, location := range []string{"", "europe-west1", "projects/p", "projects/p/locations/l/services/s"} {
		w := e.work("v1")
		w.Target.Location = location
		_, err := e.Observe(t.Context(), w)
		wantKind(t, err, rollout.Invalid)
	}
}

func TestRemoveTakesTheTagsOfTheCanaryAndNoShare(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	w := e.canary("v2", e.serve(), 25)
	w.CloudRun.CanaryTags = []string{"canary", "live"} // live moves with each phase
	must(t, e.Deploy(t.Context(), w))
	must(t, e.SetWeight(t.Context(), w))
	o := e.observe(w)
	names := map[string]string{w.Stable: "v1", o.Revision: "v2"}
	wantList(t, "canary's tags", e.tags(names), []string{"canary=v2", "live=v2", "prior=v1"})
	must(t, e.Remove(t.Context(), w))
	wantList(t, "kept tags", e.tags(names), []string{"live=v2"})
	if after := e.observe(w); !after.Split.SameTraffic(o.Split) {
		t.Errorf("split went from %s to %s", o.Split, after.Split)
	}
}
