package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// goal is what a rollback or a redeploy would do.
type goal struct {
	rollout.Created

	Leaves  string   `json:"leaves,omitempty"` // the release that is rolled back
	Why     string   `json:"why"`
	Skipped []string `json:"skippedPhases,omitempty"` // with --dry-run
	Changes []change `json:"changes,omitempty"`       // with --dry-run
}

// change is what becomes different on one target.
type change struct {
	Target string `json:"target"`
	Diff   string `json:"diff"` // of the manifests of stable, unified; no value of a Secret is in it
	Note   string `json:"note,omitempty"`
}

// backTo explains a rollback by the lane's record. named says that a person has chosen
// the release.
func backTo(c rollout.Created, lane rollout.LaneStatus, named bool) goal {
	g := goal{Created: c, Leaves: c.From}
	back := lane.Record(c.RollbackOf)
	if back != nil {
		g.Leaves = back.Release
	}
	switch {
	case named:
		g.Why = "it was named"
	case back != nil && back.State != rollout.StateSucceeded && back.Release != c.From:
		g.Why = fmt.Sprintf("%s is %s; %s is the newest release that SUCCEEDED here", back.Rollout, back.State, c.Release)
	default:
		g.Why = fmt.Sprintf("it SUCCEEDED here before %s", g.Leaves)
	}
	return g
}

func (g goal) describe(w io.Writer) {
	row(w, "target:", g.Target)
	if g.Leaves != "" && g.Leaves != g.Release {
		row(w, "release:", "from "+g.Leaves+" to "+g.Release)
	} else {
		row(w, "release:", g.Release)
	}
	row(w, "because:", g.Why)
	if g.RollbackOf != "" {
		row(w, "rolls back:", g.RollbackOf)
	}
	row(w, "stable now:", or(g.From, "none"))
	begins := or(g.StartingPhase, "the first phase")
	switch {
	case len(g.Skipped) > 0:
		begins += ", without " + strings.Join(g.Skipped, ", ")
	case g.StartingPhase != "":
		begins += ", without the phases before it"
	}
	row(w, "begins at:", begins)
	if g.State == rollout.StatePendingApproval {
		row(w, "needs:", "approval, before it queues")
	}
	if g.Stopped != "" {
		row(w, "stops:", g.Stopped+", which has the lane")
	}
	for _, name := range g.Cancelled {
		row(w, "cancels:", name+", which is PENDING")
	}
	for _, n := range g.Notes {
		row(w, "note:", n)
	}
	for _, ch := range g.Changes {
		ch.describe(w)
	}
}

func (ch change) describe(w io.Writer) {
	row(w)
	if ch.Note != "" {
		row(w, fmt.Sprintf("manifest on %s: %s", ch.Target, ch.Note))
	}
	if ch.Diff != "" {
		row(w, fmt.Sprintf("manifest on %s, changed against what is stable:", ch.Target))
		// A tab in a manifest must not become a column.
		row(w, strings.TrimSuffix(strings.ReplaceAll(ch.Diff, "\t", "  "), "\n"))
	}
}

// detail adds to g what only the releases' documents tell: the phases that are skipped, and
// what changes on each target.
func (g *goal) detail(ctx context.Context, store artifacts, lane rollout.LaneStatus) error {
	next, err := stage(ctx, store, g.Document, g.Target)
	if err != nil {
		return err
	}
	if _, i := next.Plan.Phase(g.StartingPhase); i > 0 {
		for _, ph := range next.Plan.Phases[:i] {
			g.Skipped = append(g.Skipped, ph.ID)
		}
	}
	var now rollout.StagePlan
	if stable := lane.Stable(); stable != nil {
		if now, err = stage(ctx, store, stable.Document, g.Target); err != nil {
			return err
		}
	}
	if g.Changes, err = changes(ctx, store, now, next); err != nil {
		return err
	}
	return nil
}

// stage reads the plan of one target from a release's document.
func stage(ctx context.Context, store artifacts, document, target string) (rollout.StagePlan, error) {
	content, err := store.GetNamed(ctx, document)
	if err != nil {
		return rollout.StagePlan{}, err
	}
	e := &rollout.Error{Op: "read release document", On: document, Kind: rollout.Corrupt}
	var doc struct {
		Stages []rollout.StagePlan `json:"stages"`
	}
	if e.Err = json.Unmarshal(content, &doc); e.Err != nil {
		return rollout.StagePlan{}, e
	}
	i := slices.IndexFunc(doc.Stages, func(s rollout.StagePlan) bool { return s.Target == target })
	if i < 0 {
		e.Kind, e.Err = rollout.NotFound, errors.New("it has no stage "+target)
		return rollout.StagePlan{}, e
	}
	return doc.Stages[i], nil
}

// changes compares what is stable with what would be, on the target or on each child.
func changes(ctx context.Context, store artifacts, now, next rollout.StagePlan) ([]change, error) {
	if next.Plan.Parallel == nil {
		ch, err := compare(ctx, store, &now.Plan, next.Plan)
		return []change{ch}, err
	}
	var out []change
	for _, child := range next.Children {
		var before rollout.Plan
		if i := slices.IndexFunc(now.Children, func(p rollout.Plan) bool { return p.Target.Name == child.Target.Name }); i >= 0 {
			before = now.Children[i]
		}
		ch, err := compare(ctx, store, &before, child)
		if err != nil {
			return nil, err
		}
		out = append(out, ch)
	}
	return out, nil
}

func compare(ctx context.Context, store artifacts, now *rollout.Plan, next rollout.Plan) (change, error) {
	ch := change{Target: next.Target.Name}
	if now.Release == "" {
		ch.Note = "no stable release is recorded to compare with"
		return ch, nil
	}
	before, err := stableManifest(ctx, store, *now)
	if err != nil {
		return ch, err
	}
	after, err := stableManifest(ctx, store, next)
	if err != nil {
		return ch, err
	}
	if ch.Diff = render.Changes(before, after); ch.Diff == "" {
		ch.Note = "the same as what is stable"
	}
	return ch, nil
}

func stableManifest(ctx context.Context, store artifacts, p rollout.Plan) (render.Manifest, error) {
	ph, i := p.Phase(rollout.StablePhase)
	if i < 0 {
		return render.Manifest{}, fmt.Errorf("release %s: its plan for %s has no phase %s", p.Release, p.Target.Name, rollout.StablePhase)
	}
	content, err := store.Get(ctx, ph.Manifest)
	if err != nil {
		return render.Manifest{}, err
	}
	return render.Parse(content)
}
