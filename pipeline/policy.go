package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Question asks whether deploy policies forbid an action.
type Question struct {
	Pipeline string
	Target   string
	Parent   string // the multi-target that Target is a child of; "" if it is none
	Action   Action
	Invoker  Invoker
	Override []string // names of policies that do not hold
}

// Judgment is what deploy policies say to a [Question] at one instant.
type Judgment struct {
	// Violations forbid the action.
	Violations []Violation `json:"violations,omitempty"`
	// Until is the first instant from which on no policy in force forbids the action, however
	// many windows and policies follow each other until then. It is zero if there are no
	// Violations, and if the action is forbidden for good.
	Until time.Time `json:"until,omitzero"`
	// Overridden would forbid the action if they were not overridden.
	Overridden []Violation `json:"overridden,omitempty"`
	// Suspended would forbid the action if their policies were not suspended.
	Suspended []Violation `json:"suspended,omitempty"`
}

// Violation is a rule of a deploy policy that forbids an action now.
type Violation struct {
	Policy string    `json:"policy"`
	Rule   string    `json:"rule"`
	Until  time.Time `json:"until,omitzero"` // as this rule alone has it; zero: for good
	Text   string    `json:"text"`           // a line for people
}

// Name is how a violation is listed: "freeze/weekend".
func (v Violation) Name() string { return v.Policy + "/" + v.Rule }

// Judge says what the deploy policies of c forbid at now: of those that select the pipeline and
// the target, or the multi-target around it, every rule with that action, that invoker and a
// window that now lies in. A pipeline or target that c does not have is selected by id alone.
// All lists are sorted by policy and rule.
//
// The error is NotFound if Override names a policy that c does not have, and Invalid if the
// action, the invoker or a window cannot be judged.
func (c *Config) Judge(q Question, now time.Time) (Judgment, error) {
	if err := q.check(c); err != nil {
		return Judgment{}, err
	}
	var out Judgment
	var inForce []closure
	for _, r := range c.restrictions(q) {
		w, err := r.TimeWindows.closure()
		if err != nil {
			return Judgment{}, &rollout.Error{Op: "judge deploy policy", On: r.policy.Metadata.Name + "/" + r.ID, Kind: rollout.Invalid, Err: err}
		}
		list, verb := &out.Violations, "forbids"
		switch {
		case r.policy.Suspended:
			list, verb = &out.Suspended, "would forbid"
		case slices.Contains(q.Override, r.policy.Metadata.Name):
			list, verb = &out.Overridden, "would forbid"
		default:
			inForce = append(inForce, w) // also one that begins later: it may do so before another ends
		}
		if _, forbids := w.holds(now); forbids {
			*list = append(*list, r.violation(verb+" "+string(q.Action), w, now))
		}
	}
	if len(out.Violations) > 0 {
		out.Until = opens(inForce, now)
	}
	return out, nil
}

func (q Question) check(c *Config) error {
	var known []string
	for _, p := range c.Policies {
		known = append(known, p.Metadata.Name)
	}
	slices.Sort(known)
	for _, name := range q.Override {
		if !slices.Contains(known, name) {
			return &rollout.Error{
				Op: "override deploy policy", On: fmt.Sprintf("%q", name), Kind: rollout.NotFound,
				Err: fmt.Errorf("it does not exist; known are %s", listed(known)),
			}
		}
	}
	if !slices.Contains(Actions(), q.Action) {
		return unknown("action", q.Action, Actions())
	}
	if !slices.Contains(Invokers(), q.Invoker) {
		return unknown("invoker", q.Invoker, Invokers())
	}
	return nil
}

func unknown[T ~string](what string, got T, known []T) error {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	return &rollout.Error{
		Op: "find " + what, On: fmt.Sprintf("%q", got), Kind: rollout.Invalid,
		Err: errors.New("it does not exist; known are " + strings.Join(words, ", ")),
	}
}

// restriction is a rule of a policy.
type restriction struct {
	*RolloutRestriction
	policy *DeployPolicy
}

// restrictions are the rules that q is about, at whatever time, sorted by policy and rule.
func (c *Config) restrictions(q Question) []restriction {
	p := named(c.Pipeline(q.Pipeline), q.Pipeline)
	targets := append(c.reached(q.Target, q.Parent), c.children(q.Target)...)
	var out []restriction
	for _, d := range c.Policies {
		if !d.selects(p, targets) {
			continue
		}
		for _, r := range d.Rules {
			if r.RolloutRestriction.concerns(q) {
				out = append(out, restriction{r.RolloutRestriction, d})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b restriction) int {
		return cmp.Or(strings.Compare(a.policy.Metadata.Name, b.policy.Metadata.Name), strings.Compare(a.ID, b.ID))
	})
	return out
}

// reached is a target as selectors see it: it, and the multi-target that it is a child of.
func (c *Config) reached(target, parent string) []*Envelope {
	out := []*Envelope{named(c.Target(target), target)}
	if parent != "" {
		out = append(out, named(c.Target(parent), parent))
	}
	return out
}

// children are those of a multi-target, whose traffic it moves.
func (c *Config) children(target string) []*Envelope {
	t := c.Target(target)
	if t == nil || t.MultiTarget == nil {
		return nil
	}
	var out []*Envelope
	for _, child := range t.MultiTarget.TargetIDs {
		out = append(out, named(c.Target(child), child))
	}
	return out
}

// named is the envelope of o, or of an object that has nothing but a name if o is nil.
func named[T interface {
	comparable
	object
}](o T, name string,
) *Envelope {
	var none T
	if o == none {
		return &Envelope{Metadata: Metadata{Name: name}}
	}
	return o.envelope()
}

func (p *DeployPolicy) selects(pipeline *Envelope, targets []*Envelope) bool {
	return slices.ContainsFunc(p.Selectors, func(s PolicySelector) bool {
		return (s.DeliveryPipeline == nil || s.DeliveryPipeline.match(pipeline)) &&
			(s.Target == nil || slices.ContainsFunc(targets, s.Target.match))
	})
}

func (r *RolloutRestriction) concerns(q Question) bool {
	return r != nil && (len(r.Actions) == 0 || slices.Contains(r.Actions, string(q.Action))) &&
		(len(r.Invokers) == 0 || slices.Contains(r.Invokers, string(q.Invoker)))
}

// violation says that r with its windows forbids something at now.
func (r restriction) violation(forbids string, w closure, now time.Time) Violation {
	v := Violation{Policy: r.policy.Metadata.Name, Rule: r.ID, Until: opens([]closure{w}, now)}
	until := "for good"
	if !v.Until.IsZero() {
		until = "until " + v.Until.In(w.zone).Format(time.DateOnly+" 15:04") + " " + w.zone.String()
	}
	v.Text = fmt.Sprintf("policy %s %s %s (rule %s)", v.Policy, forbids, until, v.Rule)
	return v
}
