package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Trigger is what the rules of automations act on.
type Trigger string

// The triggers.
const (
	TriggerAdvance Trigger = "advance" // a phase is done or skipped, and the next one waits
	TriggerPromote Trigger = "promote" // a rollout SUCCEEDED
	TriggerRepair  Trigger = "repair"  // a job has FAILED
)

// nextStage is the target that stands for the stage after.
const nextStage = "@next"

// Occasion asks which rules of automations apply.
type Occasion struct {
	Pipeline string
	Target   string
	Parent   string // the multi-target that Target is a child of: repair only
	Trigger  Trigger
	Phase    string          // advance: the phase that is done; repair: that failed
	Job      rollout.JobKind // repair
}

// Applying returns the rules that apply at now, sorted by automation and id: of every automation
// of the pipeline that is not suspended and selects the target (to repair a child also the
// multi-target around it), the rules for the trigger. A timed rule says when it acts next after
// now; one that never will is left out. The error is Invalid for an unknown trigger, and for a
// schedule that cannot be read.
func (c *Config) Applying(o Occasion, now time.Time) ([]rollout.Rule, error) {
	if known := []Trigger{TriggerAdvance, TriggerPromote, TriggerRepair}; !slices.Contains(known, o.Trigger) {
		return nil, unknown("trigger", o.Trigger, known)
	}
	if o.Trigger != TriggerRepair {
		o.Parent = ""
	}
	targets := c.reached(o.Target, o.Parent)
	var out []rollout.Rule
	for _, a := range c.Automations {
		if a.Suspended || a.PipelineName() != o.Pipeline || !a.selects(targets) {
			continue
		}
		for _, r := range a.Rules {
			rule, ok, err := r.applying(o, now)
			if err != nil {
				return nil, &rollout.Error{Op: "read automation", On: a.Metadata.Name + "/" + r.ID(), Kind: rollout.Invalid, Err: err}
			}
			if ok {
				rule.Automation, rule.ID = a.Metadata.Name, r.ID()
				out = append(out, rule)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b rollout.Rule) int {
		return cmp.Or(strings.Compare(a.Automation, b.Automation), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

func (a *Automation) selects(targets []*Envelope) bool {
	return slices.ContainsFunc(a.Selector.Targets, func(t Attributes) bool { return slices.ContainsFunc(targets, t.match) })
}

// ID is the id of whichever rule r is; "" if it is none.
func (r AutomationRule) ID() string {
	switch {
	case r.PromoteRelease != nil:
		return r.PromoteRelease.ID
	case r.AdvanceRollout != nil:
		return r.AdvanceRollout.ID
	case r.RepairRollout != nil:
		return r.RepairRollout.ID
	case r.TimedPromoteRelease != nil:
		return r.TimedPromoteRelease.ID
	}
	return ""
}

// applying is what r does on o, and whether it does anything.
func (r AutomationRule) applying(o Occasion, now time.Time) (rollout.Rule, bool, error) {
	switch {
	case o.Trigger == TriggerAdvance && r.AdvanceRollout != nil:
		a := r.AdvanceRollout
		return rollout.Rule{Wait: time.Duration(a.Wait)}, oneOrAll(a.SourcePhases, o.Phase), nil
	case o.Trigger == TriggerRepair && r.RepairRollout != nil:
		f := r.RepairRollout
		return rollout.Rule{Repair: f.repairs()}, oneOrAll(f.Phases, o.Phase) && oneOrAll(f.Jobs, string(o.Job)), nil
	case o.Trigger == TriggerPromote && r.PromoteRelease != nil:
		p := r.PromoteRelease
		return rollout.Rule{
			Wait: time.Duration(p.Wait), Target: cmp.Or(p.DestinationTargetID, nextStage), StartingPhase: p.DestinationPhase,
		}, true, nil
	case o.Trigger == TriggerPromote && r.TimedPromoteRelease != nil:
		t := r.TimedPromoteRelease
		at, err := t.next(now)
		return rollout.Rule{
			At: at, Target: cmp.Or(t.DestinationTargetID, nextStage), StartingPhase: t.DestinationPhase,
		}, !at.IsZero(), err
	}
	return rollout.Rule{}, false, nil
}

// oneOrAll reports whether word is one of words, or any because there are none.
func oneOrAll(words []string, word string) bool {
	return len(words) == 0 || slices.Contains(words, word)
}

func (r *RepairRolloutRule) repairs() []rollout.Repair {
	var out []rollout.Repair
	for _, p := range r.RepairPhases {
		if t := p.Retry; t != nil {
			out = append(out, rollout.Repair{
				Attempts: t.Attempts, Wait: time.Duration(t.Wait), Exponential: t.BackoffMode == "EXPONENTIAL",
			})
		}
		if b := p.Rollback; b != nil {
			out = append(out, rollout.Repair{
				StartingPhase: cmp.Or(b.DestinationPhase, rollout.StablePhase), UnlessPending: b.DisableRollbackIfRolloutPending,
			})
		}
	}
	return out
}

// next is the first instant after now at which t acts; zero if it never does.
func (t *TimedPromoteReleaseRule) next(now time.Time) (time.Time, error) {
	if text := zoneProblem(t.TimeZone); text != "" || t.TimeZone == "" {
		return time.Time{}, fmt.Errorf("timeZone %q is no IANA time zone", t.TimeZone)
	}
	zone, err := time.LoadLocation(t.TimeZone)
	if err != nil {
		return time.Time{}, fmt.Errorf("timeZone %q: %w", t.TimeZone, err)
	}
	s, err := parseSchedule(t.Schedule)
	if err != nil {
		return time.Time{}, err
	}
	return expressible(s.next(now, zone)), nil
}
