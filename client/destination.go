package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Promotion is where a release goes next.
type Promotion struct {
	Release string `json:"release"`
	From    string `json:"from,omitempty"` // the farthest stage on which it is current; "" if there is none
	Target  string `json:"target"`
	Current string `json:"current,omitempty"` // the release that is stable there now; "" if none is
	Again   bool   `json:"again,omitempty"`   // Target is the last stage, and the release is current there
}

// Destination returns where release goes next, or says that it can go to the named target;
// PromoteTarget has the rules. A release that the namespace retains no more has no next
// stage, and goes to any target that is named.
//
// Errors: those of PromoteTarget; NotFound; Expired when no worker answers; Unreachable.
func (c *Client) Destination(ctx context.Context, pipeline, release, to string) (Promotion, error) {
	status, err := c.Release(ctx, pipeline, release)
	if rollout.KindOf(err) == rollout.NotFound && to != "" {
		return Promotion{Release: release, Target: to}, nil
	}
	if err != nil {
		return Promotion{}, err
	}
	lanes := map[string]rollout.LaneStatus{}
	for _, s := range status.Stages {
		lane, err := c.Lane(ctx, pipeline, s.Target)
		switch rollout.KindOf(err) {
		case "":
			lanes[s.Target] = lane
		case rollout.NotFound: // nothing was ever rolled out there
		default:
			return Promotion{}, err
		}
	}
	return PromoteTarget(status, lanes, to)
}

// PromoteTarget says where a release goes next, by gcloud's rules, from its status and the
// lanes of its stages; a stage without a lane is not in the map. Of the stages on which the
// release is current (its rollout is the newest that SUCCEEDED) the farthest counts, and
// the stage after it is next. After the last comes the last again. A target that is named
// is next itself.
//
// Errors: Refused for a release that is abandoned, not planned, current nowhere, or has a
// rollout IN_PROGRESS; NotFound for a target that is no stage of it.
func PromoteTarget(r rollout.ReleaseStatus, lanes map[string]rollout.LaneStatus, to string) (Promotion, error) {
	if err := promotable(r, lanes); err != nil {
		return Promotion{}, err
	}
	all := stages(r)
	farthest := len(all) - 1
	for farthest >= 0 && currentOn(lanes, all[farthest]) != r.Release {
		farthest--
	}
	p := Promotion{Release: r.Release, Target: to}
	if farthest >= 0 {
		p.From = all[farthest]
	}
	switch {
	case to != "" && !slices.Contains(all, to):
		return Promotion{}, noStage(r, to)
	case to == "" && farthest < 0:
		return Promotion{}, nowhere(r, lanes)
	case to == "":
		p.Target = all[min(farthest+1, len(all)-1)]
		p.Again = p.Target == p.From
	}
	p.Current = currentOn(lanes, p.Target)
	return p, nil
}

// promotable refuses a release that goes nowhere at present.
func promotable(r rollout.ReleaseStatus, lanes map[string]rollout.LaneStatus) error {
	in := call{op: rollout.UpdatePromote, on: r.Release}
	if r.Abandoned {
		return in.fail(rollout.Refused, errors.New("the release is abandoned"), "make a new release")
	}
	if len(r.Stages) == 0 {
		return unplanned(r)
	}
	for _, s := range r.Stages {
		for _, rec := range lanes[s.Target].Records {
			if rec.Release == r.Release && rec.State == rollout.StateInProgress {
				return in.fail(rollout.Refused, fmt.Errorf("its rollout %s is IN_PROGRESS", rec.Rollout),
					fmt.Sprintf("serin rollout wait --pipeline %s --rollout %s", r.Pipeline, rec.Rollout))
			}
		}
	}
	return nil
}

// currentOn returns the release of the newest rollout that SUCCEEDED on target, or "".
func currentOn(lanes map[string]rollout.LaneStatus, target string) string {
	lane := lanes[target]
	if stable := lane.Stable(); stable != nil {
		return stable.Release
	}
	return ""
}

// nowhere is the error of a release that is current on no stage. It names what is there
// instead, where the release has been before.
func nowhere(r rollout.ReleaseStatus, lanes map[string]rollout.LaneStatus) error {
	in := call{op: rollout.UpdatePromote, on: r.Release}
	cause := errors.New("no rollout of it is the newest that SUCCEEDED on any stage")
	for i := len(r.Stages) - 1; i >= 0; i-- {
		s := r.Stages[i]
		by := s.Superseded
		lane := lanes[s.Target]
		for _, rec := range lane.Records {
			if by == "" && rec.Release == r.Release && rec.State == rollout.StateSucceeded {
				by = currentOn(lanes, s.Target)
			}
		}
		if by != "" && by != r.Release {
			cause = fmt.Errorf("on %s it was superseded by %s", s.Target, by)
			break
		}
	}
	return in.fail(rollout.Refused, cause, "name the stage with --to-target: one of "+strings.Join(stages(r), ", "))
}

func unplanned(r rollout.ReleaseStatus) error {
	in := call{op: rollout.UpdatePromote, on: r.Release}
	if r.RenderState == rollout.StateFailed {
		return in.fail(rollout.Refused, errors.New("the release could not be planned: "+r.Failure), "its name is free: create it again")
	}
	return in.fail(rollout.Refused, errors.New("the release is not planned yet"), "")
}

func noStage(r rollout.ReleaseStatus, target string) error {
	return call{op: rollout.UpdatePromote, on: r.Release}.fail(rollout.NotFound,
		fmt.Errorf("%s is no stage of the release", target), "its stages: "+strings.Join(stages(r), ", "))
}

func stages(r rollout.ReleaseStatus) []string {
	out := make([]string, len(r.Stages))
	for i, s := range r.Stages {
		out[i] = s.Target
	}
	return out
}
