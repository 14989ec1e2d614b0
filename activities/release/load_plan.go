package release

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// LoadPlan reads one plan of a release that was planned before, and whether the
// release has been abandoned since.
//
// Errors: NotFound for a document, a target or a child that does not exist, the last two
// with those that do; Corrupt.
func (a *Activities) LoadPlan(ctx context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
	res, err := a.loadPlan(ctx, r)
	return res, activities.Application(err)
}

func (a *Activities) loadPlan(ctx context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
	doc, err := a.stored(ctx, r.Document)
	if rollout.KindOf(err) == rollout.NotFound {
		return activities.LoadPlanResult{}, unknownRelease(r.Document)
	}
	if err != nil {
		return activities.LoadPlanResult{}, err
	}
	plan, err := doc.plan(r)
	if err != nil {
		return activities.LoadPlanResult{}, err
	}
	_, err = a.store.GetNamed(ctx, rollout.AbandonedName(doc.Request.Pipeline, doc.Request.Release))
	gone := rollout.KindOf(err) == rollout.NotFound
	if err != nil && !gone {
		return activities.LoadPlanResult{}, err
	}
	return activities.LoadPlanResult{Plan: plan, Abandoned: !gone}, nil
}

// unknownRelease is the error for a release that was never planned.
func unknownRelease(document string) error {
	of := path.Base(path.Dir(document))
	return &rollout.Error{
		Op: "load plan", On: document, Kind: rollout.NotFound,
		Err: fmt.Errorf("release %s does not exist", strings.TrimSuffix(path.Base(document), path.Ext(document))),
		Fix: "serin release list --pipeline " + of,
	}
}

// plan finds the plan that r names.
func (d Document) plan(r activities.LoadPlanRequest) (rollout.Plan, error) {
	var known []string
	for _, s := range d.Stages {
		if s.Target != r.Target {
			known = append(known, s.Target)
			continue
		}
		if r.Child == "" {
			return s.Plan, nil
		}
		var children []string
		for _, c := range s.Children {
			if c.Target.Name == r.Child {
				return c, nil
			}
			children = append(children, c.Target.Name)
		}
		return rollout.Plan{}, missing(r.Document, "child "+r.Child+" of target "+r.Target, children)
	}
	return rollout.Plan{}, missing(r.Document, "target "+r.Target, known)
}

func missing(document, what string, known []string) error {
	have := "none"
	if len(known) > 0 {
		have = strings.Join(known, ", ")
	}
	return &rollout.Error{
		Op: "load plan", On: document, Kind: rollout.NotFound, Err: fmt.Errorf("it has no %s; known are %s", what, have),
	}
}
