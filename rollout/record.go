package rollout

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// maxFailure is how much of a child's failure a lane keeps, in bytes: a hundred children
// are in every record of a controller. The child itself says all of it.
const maxFailure = 200

// Take takes over what a rollout says of itself. What only the lane knows stays, and of
// children no more than maxFailure of why they failed.
func (r *Record) Take(said Record, seq int) {
	was := *r
	*r = said
	r.Heard = seq
	r.Enqueued, r.Created, r.Behavior, r.Answer = was.Enqueued, was.Created, was.Behavior, was.Answer
	r.Request, r.Automation, r.Reason = was.Request, was.Automation, was.Reason
	r.StartingPhase, r.RollbackOf, r.RolledBackBy, r.Head = was.StartingPhase, was.RollbackOf, was.RolledBackBy, was.Head
	r.Queued, r.Started = was.Queued, was.Started
	r.Closed = said.Closed || (was.Closed && r.State == StateFailed)
	if was.State == StatePending && was.Failure != "" && r.State == StateCancelled { // by the lane, which has said why
		r.Failure = was.Failure
	}
	r.Children = shorten(said.Children)
}

// shorten cuts what each child says of its failure. Each is cut by itself, so their order
// changes nothing.
//
//workflowcheck:ignore
func shorten(children map[string]Record) map[string]Record {
	children = maps.Clone(children)
	for target, child := range children {
		if len(child.Failure) > maxFailure {
			const more = "..."
			child.Failure = strings.ToValidUTF8(child.Failure[:maxFailure-len(more)], "") + more
			children[target] = child
		}
	}
	return children
}

// Keep takes over where a rollout stands: what it leaves to the next one, and once it has ended,
// what may be gone back to. Its Children go where they are needed, which is not Records. It returns
// the release that was stable before and is not any more, or nil.
func (s *LaneStatus) Keep(r *Record) (superseded *Record) {
	whole := s.inherit(*r)
	r.Children = nil
	if whole.Moved() {
		last := whole.bare()
		s.Last = &last
	}
	if r.State.HoldsLane() {
		return nil
	}
	if r.State == StateSucceeded && r.Promoted {
		if stable := s.Stable(); stable != nil && stable.Release != r.Release {
			superseded = stable
		}
		s.succeed(whole.bare())
	}
	if s.Holder == r.Rollout {
		s.Holder = ""
	}
	s.Queue = slices.DeleteFunc(s.Queue, func(name string) bool { return name == r.Rollout })
	if r.State == StateApprovalRejected || r.State == StateCancelled {
		s.withdraw(r)
	}
	return superseded
}

// Forget ends the record of a rollout that was ended by force before it had the lane.
func (s *LaneStatus) Forget(r *Record) {
	r.State, r.Closed, r.Failure = StateFailed, true, "its workflow does not run any more"
	s.Queue = slices.DeleteFunc(s.Queue, func(name string) bool { return name == r.Rollout })
	s.withdraw(r)
}

// withdraw takes back what a rollback has rejected that never began.
func (s *LaneStatus) withdraw(r *Record) {
	if r.Started.IsZero() {
		s.Rejected = slices.DeleteFunc(s.Rejected, func(bad Record) bool { return bad.RolledBackBy == r.Rollout })
	}
}

// inherit completes a controller's record: a child that did not move is as the rollout before
// left it. Each child is looked at by itself, so their order changes nothing.
//
//workflowcheck:ignore
func (s *LaneStatus) inherit(r Record) Record {
	if len(r.Children) == 0 || s.Last == nil || len(s.Last.Children) == 0 {
		return r
	}
	all := maps.Clone(s.Last.Children)
	for target, child := range r.Children {
		if child.Moved() || all[target].Rollout == "" {
			all[target] = child
		}
	}
	r.Children = all
	return r
}

// bare is the record without what only a list of rollouts shows.
func (r Record) bare() Record {
	r.Answer = nil
	return r
}

// succeed puts r before the releases that SUCCEEDED earlier.
func (s *LaneStatus) succeed(r Record) {
	s.Succeeded = slices.DeleteFunc(slices.Clone(s.Succeeded), func(old Record) bool { return old.Release == r.Release })
	s.Succeeded = slices.Insert(s.Succeeded, 0, r)
	s.refill()
}

// refill keeps the stable release, and with it the two newest that are not rejected; those may
// have to be looked for among the kept records.
func (s *LaneStatus) refill() {
	const wanted = 2
	usable, stable := 0, s.Stable()
	s.Succeeded = slices.DeleteFunc(slices.Clone(s.Succeeded), func(r Record) bool {
		offered := s.rejected(r.Release) == nil && usable < wanted
		if offered {
			usable++
		}
		return !offered && r.Release != stable.Release
	})
	for _, r := range s.good() {
		known := slices.ContainsFunc(s.Succeeded, func(old Record) bool { return old.Release == r.Release })
		if usable < wanted && !known && s.rejected(r.Release) == nil {
			s.Succeeded = append(s.Succeeded, r.bare())
			usable++
		}
	}
}

// good returns the rollouts that made a release stable, as far as they are kept: one for each
// release, the newest first.
func (s *LaneStatus) good() []Record {
	all := slices.Clone(s.Succeeded)
	for _, r := range s.Records {
		if r.State == StateSucceeded && r.Promoted {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b Record) int { return b.Ended.Compare(a.Ended) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(r Record) bool {
		twice := seen[r.Release]
		seen[r.Release] = true
		return twice
	})
}

// Arrive makes room for a release. The first rollout of one that the lane does not know ends what
// was rejected before it; choosing a rejected release itself takes the rejection back.
func (s *LaneStatus) Arrive(release string) {
	if !s.Known(release) {
		s.Rejected = nil
	}
	s.Rejected = slices.DeleteFunc(s.Rejected, func(bad Record) bool { return bad.Release == release })
}

// RollBack records that one rollout rolls another back. By a person, it rejects the release:
// no rollback is offered to it, and no automation promotes it here again.
func (s *LaneStatus) RollBack(bad *Record, by string, person bool) {
	bad.RolledBackBy = by
	if s.Last != nil && s.Last.Rollout == bad.Rollout {
		s.Last.RolledBackBy = by
	}
	if !person {
		return
	}
	gone := bad.bare()
	s.Rejected = slices.DeleteFunc(s.Rejected, func(old Record) bool { return old.Release == gone.Release })
	s.Rejected = slices.Insert(s.Rejected, 0, gone)
	s.Rejected = s.Rejected[:min(KeptRecords, len(s.Rejected))]
	if len(s.Succeeded) > 0 {
		s.refill()
	}
}

// Join queues the rollout, at the head where it is urgent.
func (s *LaneStatus) Join(r *Record, head bool, now time.Time) {
	r.State, r.Failure = StatePending, ""
	if r.Queued.IsZero() {
		r.Queued = now
	}
	at := len(s.Queue)
	if head {
		at = 0
	}
	s.Queue = slices.Insert(s.Queue, at, r.Rollout)
}

// Trim forgets the oldest rollouts, but none that may still speak, nor the one that started
// last.
func (s *LaneStatus) Trim() {
	newest := s.NewestStarted()
	name, kept := "", 0
	if newest != nil {
		name = newest.Rollout
	}
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool {
		kept++
		open := !r.State.Final() && !r.Closed
		return kept > KeptRecords && !open && r.Rollout != name
	})
}

// Note keeps a line for people: what was refused, and why.
func (s *LaneStatus) Note(line string) {
	s.Notes = append(s.Notes, line)
	if n := len(s.Notes); n > KeptRecords {
		s.Notes = slices.Clone(s.Notes[n-KeptRecords:])
	}
}
