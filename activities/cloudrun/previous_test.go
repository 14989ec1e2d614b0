package cloudrun_test

import (
	"context"
	"strings"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// A rollout takes steps in their order, with the tags after each.
func TestThePreviousRevisionIsKept(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	e.previous = "before"
	names := map[string]string{}
	work := func(release, stable string) activities.Work {
		yaml := strings.Replace(manifest(release), "template:\n", "template:\n    metadata: {annotations: {autoscaling.knative.dev/minScale: \"2\"}}\n", 1)
		w := at(e.workFor(release, yaml), "canary-25", 25)
		w.Stable = stable
		names[e.observe(w).Revision] = release
		return w
	}
	step := func(name string, do func(context.Context, activities.Work) error, w activities.Work, want string) {
		t.Helper()
		must(t, do(t.Context(), w))
		wantList(t, w.Release+" "+name+": tags", e.tags(names), strings.Fields(want))
		writes := e.writes()
		must(t, do(t.Context(), w))
		if e.writes() != writes {
			t.Errorf("%s %s wrote again when repeated", w.Release, name)
		}
	}
	warm := func(revision string, want int64) {
		t.Helper()
		rev, err := e.api().Services.Revisions.Get(service + "/revisions/" + revision).Do()
		must(t, err)
		if got := rev.ScalingStatus.DesiredMinInstanceCount; got != want {
			t.Errorf("%s keeps %d instances, want %d", names[revision], got, want)
		}
	}
	promoted := func(w activities.Work) activities.Work { return at(w, rollout.StablePhase, 100) }

	first := promoted(work("v1", ""))
	step("promote", e.Promote, first, "")
	step("all weight", e.SetWeight, first, "live=v1")
	v1 := e.observe(first).Revision

	w := work("v2", v1)
	step("settle", e.SetWeight, at(w, "canary-25", 0), "live=v1 prior=v1")
	step("deploy", e.Deploy, w, "canary=v2 live=v1 prior=v1")
	step("weight", e.SetWeight, w, "canary=v2 live=v1 prior=v1")
	step("promote", e.Promote, promoted(w), "canary=v2 live=v1 prior=v1")
	step("all weight", e.SetWeight, promoted(w), "before=v1 live=v2")
	step("remove", e.Remove, promoted(w), "before=v1 live=v2")
	v2 := e.observe(w).Revision
	warm(v1, 2)

	w = work("v3", v2)
	spec, err := e.Record(t.Context(), w)
	must(t, err)
	w.Baseline, err = e.artifacts.Put(t.Context(), spec)
	must(t, err)
	step("settle", e.SetWeight, at(w, "canary-25", 0), "before=v1 live=v2 prior=v2")
	step("deploy", e.Deploy, w, "before=v1 canary=v3 live=v2 prior=v2")
	step("weight", e.SetWeight, w, "before=v1 canary=v3 live=v2 prior=v2")
	step("restore", e.Restore, w, "before=v1 live=v2")
	step("weight again", e.SetWeight, w, "before=v1 canary=v3 live=v2 prior=v2")
	step("all weight", e.SetWeight, promoted(w), "before=v2 live=v3")
	warm(v1, 0)
	warm(v2, 2)

	w = promoted(work("v2", e.observe(w).Revision)) // back
	step("promote", e.Promote, w, "before=v2 live=v3")
	step("all weight", e.SetWeight, w, "before=v3 live=v2")
}

func TestThePreviousRevisionsTag(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	for _, c := range []struct {
		tag  string
		want string // a problem; "" for none
	}{
		{tag: "before"},
		{tag: "prior"}, // both mean the same revision
		{tag: "x", want: "tag x: want at least 3"},
		{tag: "canary", want: "tag canary: is that of the previous revision"},
		{tag: "live", want: "tag live: is that of the previous revision"},
	} {
		w := e.work("v1")
		w.CloudRun.Previous = c.tag
		problems, err := e.Check(t.Context(), w)
		must(t, err)
		switch {
		case c.want == "" && len(problems) > 0:
			t.Errorf("tag %s: %v, want no problem", c.tag, problems)
		case c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Text, c.want)):
			t.Errorf("tag %s: %v, want %q", c.tag, problems, c.want)
		}
	}
}

// A prior tag that is also the previous one's is not taken away at the end.
func TestThePriorRevisionMayBecomeThePreviousOne(t *testing.T) {
	t.Parallel()
	e := newEnv(t, cloudruntest.Options{})
	first := e.serve()
	e.previous = "prior"
	w := e.canary("v2", first, 25)
	must(t, e.SetWeight(t.Context(), at(w, "canary-25", 0)))
	must(t, e.Deploy(t.Context(), w))
	must(t, e.SetWeight(t.Context(), w))
	names := map[string]string{first: "v1", e.observe(w).Revision: "v2"}
	last := at(w, rollout.StablePhase, 100)
	must(t, e.SetWeight(t.Context(), last))
	must(t, e.Remove(t.Context(), last))
	wantList(t, "tags", e.tags(names), []string{"live=v2", "prior=v1"})
}
