package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

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

// observe adds what is live to each single target of p. The manifests are stored first,
// because the worker that looks reads them there.
func (a *app) observe(c *cli.Context, p *planned) error {
	if err := visible(p.Stages); err != nil {
		return err
	}
	if err := a.withStore(c, func(store artifacts) error { return put(c.Context, store, p.Stages) }); err != nil {
		return err
	}
	return a.connect(c, func(s *server) error {
		for i := range p.Stages {
			if err := p.Stages[i].look(c.Context, s.targets); err != nil {
				return err
			}
		}
		p.numbers()
		return nil
	})
}

// visible refuses custom targets, of which there is nothing to see.
func visible(stages []plannedStage) error {
	for _, s := range stages {
		if s.Plan.Custom != nil {
			return &rollout.Error{
				Op: "plan --live", On: "target " + s.Target, Kind: rollout.Unsupported,
				Err: fmt.Errorf("it is custom, of type %s: Serin cannot see what it serves", s.Plan.Custom.Type), Fix: "leave --live out",
			}
		}
		if err := visible(s.Children); err != nil {
			return err
		}
	}
	return nil
}

// put stores each manifest once.
func put(ctx context.Context, store artifacts, stages []plannedStage) error {
	for _, s := range stages {
		for i, content := range s.manifests {
			if i > 0 && bytes.Equal(content, s.manifests[i-1]) {
				continue
			}
			if _, err := store.Put(ctx, content); err != nil {
				return err
			}
		}
		if err := put(ctx, store, s.Children); err != nil {
			return err
		}
	}
	return nil
}

// lookers is how many targets are observed at the same time.
const lookers = 8

// look observes a stage, or all of its children, and compares with the lane's record.
func (s *plannedStage) look(ctx context.Context, t targets) error {
	lane, err := t.Lane(ctx, s.Plan.Pipeline, s.Target)
	if err != nil && rollout.KindOf(err) != rollout.NotFound {
		return err
	}
	if s.Plan.Parallel == nil {
		return s.compare(ctx, t, lane)
	}
	// The first problem counts, and ends the other looks.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	places := make(chan struct{}, lookers)
	for i := range s.Children {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			child := &s.Children[i]
			if err := child.compare(ctx, t, childLane(lane, child.Target)); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// childLane is what the lane of a multi-target records of one child.
func childLane(lane rollout.LaneStatus, child string) rollout.LaneStatus {
	out := rollout.LaneStatus{Pipeline: lane.Pipeline, Target: child, Holder: lane.Holder}
	for _, r := range lane.Succeeded {
		if c, ok := r.Children[child]; ok {
			out.Succeeded = append(out.Succeeded, c)
		}
	}
	if lane.Last != nil {
		if c, ok := lane.Last.Children[child]; ok {
			out.Last = &c
		}
	}
	return out
}

// compare observes one single target. Of a custom one nothing can be observed.
func (s *plannedStage) compare(ctx context.Context, t targets, lane rollout.LaneStatus) error {
	if s.Plan.Custom != nil {
		return nil
	}
	seen, err := t.Observe(ctx, s.Plan)
	if err != nil {
		return err
	}
	state := standingOf(s.Plan, lane, seen)
	s.Live = &state
	s.recount()
	return nil
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
	if i >= 0 && slices.ContainsFunc(p.Stages, plannedStage.counted) {
		p.Notes[i] = manifestNumbers + ", but where a target says so the cluster's"
	}
}

// counted reports whether a number of s is one of a cluster.
func (s plannedStage) counted() bool {
	return (s.Live != nil && s.Live.Observed.Replicas != nil) || slices.ContainsFunc(s.Children, plannedStage.counted)
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
