package rollout

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Goals returns what a lane's command would make, best first, each without a rollout: one goal
// for promote and redeploy, for rollback every release that may be gone back to. The
// caller takes the first one that is not abandoned, which the record alone does not tell.
//
// A rollback goes to the newest release that SUCCEEDED here, is not the one that is rolled back,
// and was not itself rolled back by a person. So after a failed canary of v3 over v2 the goal
// is v2, which still serves, and after v3 has SUCCEEDED it is v2 again.
//
// Errors: Invalid for an incomplete request; Refused with the present state, in whose chain a
// Waits is where a rollout that has not begun is in the way.
func (s *LaneStatus) Goals(command string, c Create) ([]Created, error) {
	goals := map[string]func(Create) ([]Created, error){
		UpdatePromote: s.promoteGoals, UpdateRollback: s.rollbackGoals, UpdateRedeploy: s.redeployGoals,
	}[command]
	if goals == nil {
		return nil, s.refuse(command, Invalid, fmt.Errorf("a lane knows %s, %s and %s", UpdatePromote, UpdateRollback, UpdateRedeploy))
	}
	if len(c.Override) > 0 && c.Reason == "" {
		return nil, s.refuse(command, Invalid, errors.New("overriding a deploy policy needs a reason"))
	}
	if command != UpdateRollback && (c.StopRunning || c.UnlessPending) {
		return nil, s.refuse(command, Invalid, errors.New("only a rollback can stop what runs, or give way to what is pending"))
	}
	found, err := goals(c)
	if err != nil && KindOf(err) == "" {
		return nil, s.refuse(command, Refused, err)
	}
	return found, err
}

func (s *LaneStatus) refuse(command string, kind Kind, err error) *Error {
	return &Error{Op: command, On: s.Pipeline + "/" + s.Target, Kind: kind, Err: err}
}

func (s *LaneStatus) promoteGoals(c Create) ([]Created, error) {
	if c.Release == "" {
		return nil, s.refuse(UpdatePromote, Invalid, errors.New("no release given"))
	}
	if c.Automation != "" {
		if why := s.Unwanted(c.Release); why != "" {
			return nil, inTheWay(s.OpenOf(c.Release), errors.New(why))
		}
	}
	if r := s.OpenOf(c.Release); r != nil {
		return nil, inTheWay(r, fmt.Errorf("%s is %s: a release has one open rollout on a target", r.Rollout, r.State))
	}
	return []Created{s.goal(c.Release, c)}, nil
}

func (s *LaneStatus) redeployGoals(c Create) ([]Created, error) {
	r := s.NewestQueued()
	switch {
	case r == nil:
		return nil, errors.New("nothing was rolled out here yet")
	case c.Rollout != "" && c.Rollout != r.Rollout:
		return nil, fmt.Errorf("%s is not the newest rollout, which is %s", c.Rollout, r.Rollout)
	case c.Release != "" && c.Release != r.Release:
		return nil, fmt.Errorf("the newest rollout is %s: promote %s instead", r.Rollout, c.Release)
	case r.State != StateSucceeded && r.State != StateFailed && r.State != StateCancelled:
		return nil, inTheWay(r, fmt.Errorf("%s is %s, not SUCCEEDED, FAILED or CANCELLED", r.Rollout, r.State))
	}
	return []Created{s.goal(r.Release, c)}, nil
}

func (s *LaneStatus) rollbackGoals(c Create) ([]Created, error) {
	bad := s.NewestStarted()
	if bad == nil {
		return nil, errors.New("no rollout has started here yet")
	}
	if c.Rollout != "" && c.Rollout != bad.Rollout {
		return nil, fmt.Errorf("%s is not the newest rollout that has started, which is %s", c.Rollout, bad.Rollout)
	}
	if err := s.mayRollBack(*bad, c); err != nil {
		return nil, err
	}
	c.StartingPhase = cmp.Or(c.StartingPhase, StablePhase)
	var goals []Created
	if c.Release == bad.Release {
		return nil, fmt.Errorf("%s is what is rolled back: redeploy it instead", c.Release)
	}
	if c.Release != "" {
		goals = append(goals, s.goal(c.Release, c))
	} else {
		for _, r := range s.good() {
			if r.Release != bad.Release && s.rejected(r.Release) == nil {
				goals = append(goals, s.goal(r.Release, c))
			}
		}
	}
	if len(goals) == 0 {
		return nil, &Error{
			Op: UpdateRollback, On: s.Pipeline + "/" + s.Target, Kind: Refused,
			Err: errors.New(s.noGoal(*bad)), Fix: "name the release to go to",
		}
	}
	for i := range goals {
		goals[i].RollbackOf = bad.Rollout
	}
	return goals, nil
}

// mayRollBack returns why the lane cannot begin a rollback now.
func (s *LaneStatus) mayRollBack(bad Record, c Create) error {
	// The holder's own repair asks before it gives the lane back, so that nobody is granted it in between.
	itself := c.Automation != "" && c.Rollout == s.Holder
	// One that only tidies has the lane for minutes, and moves nothing: the rollback queues after it.
	if holder := s.Record(s.Holder); holder != nil && !holder.Tidy && !c.StopRunning && !itself {
		return &Error{
			Op: UpdateRollback, On: s.Pipeline + "/" + s.Target, Kind: Refused,
			Err: fmt.Errorf("%s has the lane, %s", holder.Rollout, holder.State),
			Fix: s.cancelHolder() + ", or roll back with --stop-running",
		}
	}
	newer := true
	for _, r := range s.Records { // newest first
		newer = newer && r.Rollout != bad.Rollout
		switch {
		case !r.waits():
		case r.RollbackOf == bad.Rollout:
			return inTheWay(&r, fmt.Errorf("%s rolls it back already, %s", r.Rollout, r.State))
		case newer && c.UnlessPending:
			return inTheWay(&r, fmt.Errorf("%s is %s", r.Rollout, r.State))
		}
	}
	return nil
}

// MayStop returns why the rollback p may not stop the rollout that has the lane: until somebody has
// approved it, it does not queue, and what does would begin instead.
func (s *LaneStatus) MayStop(p Plan) error {
	if p.Approval == nil || s.Holder == "" {
		return nil
	}
	return &Error{
		Op: UpdateRollback, On: s.Pipeline + "/" + s.Target, Kind: Refused,
		Err: fmt.Errorf("a rollback that waits for approval cannot stop %s, which has the lane", s.Holder),
		Fix: "cancel it yourself, then roll back and have that approved: " + s.cancelHolder(),
	}
}

func (s *LaneStatus) cancelHolder() string {
	return fmt.Sprintf("serin rollout cancel --pipeline %s --rollout %s", s.Pipeline, s.Holder)
}

// noGoal says for each release why it is none.
func (s *LaneStatus) noGoal(bad Record) string {
	var why []string
	for _, r := range s.good() {
		switch by := s.rejected(r.Release); {
		case r.Release == bad.Release:
			why = append(why, r.Release+" is what is rolled back")
		case by != nil:
			why = append(why, fmt.Sprintf("%s was rolled back by %s", r.Release, by.RolledBackBy))
		}
	}
	if len(why) == 0 {
		return "no release has SUCCEEDED here"
	}
	return "no other release has SUCCEEDED here: " + strings.Join(why, ", ")
}

func (s *LaneStatus) goal(release string, c Create) Created {
	g := Created{Release: release, Document: c.Document, Target: s.Target, StartingPhase: c.StartingPhase}
	if r := s.of(release); r != nil {
		g.Document = cmp.Or(g.Document, r.Document)
	}
	g.Document = cmp.Or(g.Document, DocumentName(s.Pipeline, release))
	if r := s.Stable(); r != nil {
		g.From = r.Release
	}
	return g
}

// of returns a record of the release, or nil where none is kept.
func (s *LaneStatus) of(release string) *Record {
	for _, list := range [][]Record{s.Records, s.Succeeded, s.Rejected} {
		for i := range list {
			if list[i].Release == release {
				return &list[i]
			}
		}
	}
	return nil
}

// Known reports whether the lane remembers the release.
func (s *LaneStatus) Known(release string) bool { return s.of(release) != nil }

// OpenOf returns the rollout of the release that queues, waits for approval or runs, or nil. A
// FAILED one is none, although it may be revived.
func (s *LaneStatus) OpenOf(release string) *Record {
	for i := range s.Records {
		r := &s.Records[i]
		if r.Release == release && !r.State.Final() && r.State != StateFailed {
			return r
		}
	}
	return nil
}

// Older returns the rollouts that queue and were made before the named one, next first; with "", all
// that queue.
func (s *LaneStatus) Older(rollout string) []string {
	at := func(name string) int {
		return slices.IndexFunc(s.Records, func(r Record) bool { return r.Rollout == name })
	}
	var older []string
	for _, name := range s.Queue {
		if at(name) > at(rollout) { // newest first
			older = append(older, name)
		}
	}
	return older
}

// Unwanted returns why no automation may promote the release to this lane, or "".
func (s *LaneStatus) Unwanted(release string) string {
	if by := s.rejected(release); by != nil {
		return fmt.Sprintf("%s was rolled back on %s by %s", release, s.Target, by.RolledBackBy)
	}
	if r := s.OpenOf(release); r != nil {
		return fmt.Sprintf("%s is %s", r.Rollout, r.State)
	}
	if r := s.Stable(); r != nil && r.Release == release {
		return fmt.Sprintf("%s is stable on %s already", release, s.Target)
	}
	return ""
}

// rejected returns the record of the release that a person rolled back, or nil.
func (s *LaneStatus) rejected(release string) *Record {
	i := slices.IndexFunc(s.Rejected, func(r Record) bool { return r.Release == release })
	if i < 0 {
		return nil
	}
	return &s.Rejected[i]
}

// NewestStarted returns the rollout that has started last, or nil. A retry starts nothing anew.
func (s *LaneStatus) NewestStarted() *Record { return s.newest(Record.started) }

// NewestQueued returns the rollout that queued last, or nil. One that still waits for its
// approval has not.
func (s *LaneStatus) NewestQueued() *Record { return s.newest(Record.queued) }

// newest returns the record with the latest time; of two with the same, the one made last.
func (s *LaneStatus) newest(when func(Record) time.Time) *Record {
	var best *Record
	for i := range s.Records {
		r := &s.Records[i]
		if at := when(*r); !at.IsZero() && (best == nil || at.After(when(*best))) {
			best = r
		}
	}
	return best
}

// started returns when the rollout had the lane first, or zero. Records from before that
// was kept tell it by what they have come to.
func (r Record) started() time.Time {
	had := r.State.HoldsLane() || r.Moved() || (r.Heard > 0 && (r.State == StateSucceeded || r.State == StateFailed))
	if r.Started.IsZero() && had {
		return r.Created
	}
	return r.Started
}

func (r Record) queued() time.Time {
	if r.Queued.IsZero() && r.State == StatePending {
		return r.Created
	}
	if r.Queued.IsZero() {
		return r.started()
	}
	return r.Queued
}
