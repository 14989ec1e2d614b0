package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// liveState is what a target serves before a release goes there.
type liveState struct {
	Observed rollout.Observed `json:"observed"`
	First    bool             `json:"first"`            // no rollout of the pipeline has been here
	Stable   string           `json:"stable,omitempty"` // the recorded stable revision
	Holder   string           `json:"holder,omitempty"` // the rollout that has the lane
	Drift    string           `json:"drift,omitempty"`  // what somebody changed since the last rollout; "" if nobody did, or with a holder
	Notes    []string         `json:"notes,omitempty"`  // what follows for this release
}

// standingOf compares what is observed with the lane's record, as a rollout does
// before its first write.
func standingOf(p rollout.Plan, lane rollout.LaneStatus, seen rollout.Observed) liveState {
	s := liveState{Observed: seen, First: lane.Stable() == nil && lane.Last == nil, Holder: lane.Holder}
	var next rollout.Split
	if stable := lane.Stable(); stable != nil {
		s.Stable = stable.Revision
		next = rollout.Split{{Revision: stable.Revision, Percent: 100}}
	}
	if lane.Last != nil && lane.Holder == "" { // the holder's own writes are not recorded yet
		s.Drift = rollout.Drifted(seen, rollout.Mark{Split: lane.Last.Mark.Split}, next)
	}
	s.Notes = notes(p, s)
	return s
}

// notes says what a rollout of p would do now.
func notes(p rollout.Plan, s liveState) []string {
	if s.Holder != "" { // what it leaves behind decides
		return []string{s.Holder + " has the lane: the rollout is PENDING until it ends"}
	}
	var out []string
	if n := opening(p, s); n != "" {
		out = append(out, n)
	}
	if s.Drift != "" {
		out = append(out, "the split is not the one that the last rollout left: the rollout waits for a person")
	}
	return out
}

// opening says what becomes of the phases before stable, or "" if they just run.
func opening(p rollout.Plan, s liveState) string {
	serving := s.Observed.Split.Serving()
	google := p.APIVersion == rollout.APIVersionGoogle
	switch {
	case len(serving) == 0 && google:
		return "nothing serves: every phase before stable is skipped, and stable waits for an advance"
	case len(serving) == 0:
		return "nothing serves: every phase before stable is skipped, and stable begins by itself"
	case s.Observed.Revision != "" && serving.Of(s.Observed.Revision) == 100:
		return "the release serves already: every phase before stable is skipped"
	case !s.First:
		return ""
	case google:
		return "first rollout here: every phase before stable is skipped, and stable waits for an advance"
	case len(serving) > 1:
		return "several revisions serve and none is recorded as stable: the rollout waits for a person"
	}
	return fmt.Sprintf("first rollout here: %s is the baseline", serving[0].Revision)
}

// recount sizes the phases by what the original asks for in the cluster, and warns of
// that instead of the manifest's number. Where the cluster has none, nothing changes.
func (s *plannedStage) recount() {
	live := s.Live.Observed.Replicas
	if live == nil || !s.Plan.Kubernetes.Canary() {
		return
	}
	said := render.Replicas(s.stable, s.Plan)
	for i, pods := range podsOf(s.Plan, *live, render.Promoted(s.stable, s.Plan, *live)) {
		s.Phases[i].Pods = pods
	}
	old := render.PodWarnings(s.Plan, render.Count{Replicas: said, In: "the manifest"})
	kept := slices.DeleteFunc(slices.Clone(s.Plan.Warnings), func(w string) bool { return slices.Contains(old, w) })
	s.Plan.Warnings = append(kept, render.PodWarnings(s.Plan, render.Count{Replicas: *live, In: "the cluster"})...)
	s.Live.Notes = append(s.Live.Notes, fmt.Sprintf("the numbers of pods are the cluster's: Deployment/%s asks for %d there, for %d in the manifest",
		s.Plan.Kubernetes.Deployment, *live, said))
}

// numbers says whose numbers p is made of, once targets are observed.
func (p *planned) numbers() {
	i := slices.Index(p.Notes, manifestNumbers)
	counted := func(s plannedStage) bool { return s.Live.Observed.Replicas != nil }
	if i >= 0 && slices.ContainsFunc(p.Stages, counted) {
		p.Notes[i] = manifestNumbers + ", but where a target says so the cluster's"
	}
}

func (s *liveState) describe(w io.Writer) {
	serves := s.Observed.Split.String()
	if s.Observed.Assumed {
		serves += ", assumed"
	}
	row(w, "serves now:", serves)
	if s.Observed.URL != "" {
		row(w, "url:", s.Observed.URL)
	}
	row(w, "recorded stable:", or(s.Stable, "none"))
	first := "no"
	if s.First {
		first = "yes"
	}
	row(w, "first rollout:", first)
	drift := "none"
	if s.Holder != "" {
		drift = "not judged while " + s.Holder + " moves traffic"
	}
	row(w, "drift:", or(s.Drift, drift))
	if s.Observed.Note != "" {
		row(w, "note: "+s.Observed.Note)
	}
	for _, n := range s.Notes {
		row(w, "note: "+n)
	}
}
