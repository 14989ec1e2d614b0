package model

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// run is one sequence against the model: each op is done to both, and both are compared before the
// next one.
type run struct {
	*sandbox
	ops     []Op
	next    int
	answers []*answer // to the op before
	problem string
	settled map[string]bool // rollouts that were compared after their end
}

// answer is what a command was answered with.
type answer struct {
	came, given, want bool // given: accepted
	err               error
}

// play runs the ops and returns the first difference between model and code, "" for none.
func play(t *testing.T, site Site, ops []Op) string {
	t.Helper()
	r := &run{sandbox: newSandbox(t, New(site)), ops: ops, settled: map[string]bool{}}
	r.RegisterDelayedCallback(r.step, quiet)
	r.ExecuteWorkflow("root")
	if err := r.GetWorkflowError(); err != nil && r.problem == "" {
		r.problem = err.Error()
	}
	return r.problem
}

// step compares, and does the next op.
func (r *run) step() {
	r.model.Advance(r.Now())
	if r.problem = r.compare(); r.problem == "" && r.next > len(r.ops) {
		r.problem = r.transitions()
	}
	if r.problem != "" || r.next > len(r.ops) {
		if r.problem != "" {
			r.problem = fmt.Sprintf("before op %d: %s\nit went\n%s", r.next, r.problem, r.story())
		}
		r.SignalWorkflow(signalEnd, nil)
		return
	}
	after := quiet
	if r.next < len(r.ops) {
		op := r.ops[r.next]
		r.answers = nil
		r.do(op, op.Twice && r.model.rollout(op.On) == nil)
		if r.next+1 < len(r.ops) {
			after = r.ops[r.next+1].After
		}
	}
	r.next++
	r.RegisterDelayedCallback(r.step, after)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// do does the op to both. Two people who press a rollout's button are two; a lane knows by its name that
// a request is the same.
func (r *run) do(op Op, same bool) {
	if !commands()[op.Do] {
		r.happens(op)
		r.model.happen(op)
		return
	}
	id, payload := r.message(op)
	if op.Signal { // nobody answers; one to what has ended is lost
		_ = r.SignalWorkflowByID(id, op.Do, payload)
		r.model.Do(op)
		return
	}
	for i := range 1 + btoi(op.Twice) {
		a := &answer{}
		r.answers = append(r.answers, a)
		r.ask(id, op.Do, func(err error) { a.came, a.given, a.err = true, err == nil, err }, payload)
		if i > 0 && same {
			a.want = r.answers[0].want
			continue
		}
		a.want = r.model.Do(op)
	}
}

// message is the op as it is sent.
func (r *run) message(op Op) (id string, payload any) {
	var override []string
	if op.Override {
		override = []string{"freeze"}
	}
	if r.model.rollout(op.On) != nil {
		return rollout.RolloutID(pipelineName, op.On), rollout.Command{
			Phase: op.Phase, Job: job(op), Digest: op.Digest, Restore: op.Restore, Accept: op.Accept, Actor: op.Actor, Reason: "why not", Override: override,
		}
	}
	document := ""
	if op.Do == "promote" {
		document = rollout.DocumentName(pipelineName, op.Release)
	}
	return rollout.LaneID(pipelineName, op.On), rollout.Create{
		Request: name("request", r.next), Release: op.Release, Document: document, StopRunning: op.Stop, Actor: op.Actor, Reason: "why not", Override: override,
	}
}

func job(op Op) rollout.JobKind {
	if op.Do == rollout.CommandRetryJob || op.Do == rollout.CommandIgnoreJob || op.Do == rollout.CommandTerminate {
		return rollout.JobDeploy
	}
	return ""
}

// happens does to the world what is no command.
func (r *run) happens(op Op) {
	p := r.platform
	switch op.Do {
	case "release":
		r.SignalWorkflow(signalChild, rollout.CreateRequest{Pipeline: pipelineName, Release: op.On, Source: "sha256:source", Actor: "ann"})
	case "hold":
		p.Hold(op.On)
	case "break", "mend":
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bad[op.On] = op.Do == "break"
	case "ready":
		p.MakeReady(op.On)
		r.SignalWorkflow(signalResume, nil)
	case "fail":
		r.giveUp(op.On)
		r.SignalWorkflow(signalResume, nil)
	case "drift":
		p.Drift(op.On+"/"+pipelineName, "eve", rollout.Split{{Revision: pipelineName + "-" + op.Release, Percent: 100}})
	case "abandon":
		r.ask(rollout.ConfigID, rollout.UpdateAbandon, func(error) {}, rollout.Abandon{Pipeline: pipelineName, Release: op.On, Actor: "ann"})
	case "crash early", "crash late":
		r.mu.Lock()
		defer r.mu.Unlock()
		r.early, r.late = btoi(op.Do == "crash early"), btoi(op.Do == "crash late")
	case "crash":
		r.mu.Lock()
		defer r.mu.Unlock()
		r.broken[op.On] = 1
	}
}

// compare returns the first difference.
func (r *run) compare() string {
	for i, a := range r.answers {
		if !a.came || a.given != a.want {
			return fmt.Sprintf("answer %d to %+v: came %t, accepted %t (%v), want accepted %t", i+1, r.ops[r.next-1], a.came, a.given, a.err, a.want)
		}
	}
	for _, l := range r.model.Lanes {
		if what := r.compareLane(l); what != "" {
			return l.Target + ": " + what
		}
		for _, m := range l.Rollouts {
			if r.settled[m.Name] {
				continue
			}
			if what := r.compareRollout(m); what != "" {
				return m.Name + ": " + what
			}
			r.settled[m.Name] = m.over()
		}
	}
	return ""
}

func (r *run) compareLane(l *Lane) string {
	var s rollout.LaneStatus
	if err := r.state(rollout.LaneID(pipelineName, l.Target), &s); err != nil {
		return err.Error()
	}
	var queue, rejected []string
	for _, q := range l.Queue {
		queue = append(queue, q.Name)
	}
	for _, each := range s.Rejected {
		rejected = append(rejected, each.Release)
	}
	slices.Sort(rejected)
	holder, stable, split := "", "", r.split(l.Target)
	if l.Holder != nil {
		holder = l.Holder.Name
	}
	if n := len(l.stable); n > 0 {
		stable = l.stable[n-1].Release
	}
	now := ""
	if r := s.Stable(); r != nil {
		now = r.Release
	}
	switch {
	case s.Holder != holder || !slices.Equal(s.Queue, queue):
		return fmt.Sprintf("holder %q and queue %q, want %q and %q", s.Holder, s.Queue, holder, queue)
	case now != stable:
		return fmt.Sprintf("%q is stable, want %q", now, stable)
	case !slices.Equal(rejected, slices.Sorted(maps.Keys(l.Rejected))):
		return fmt.Sprintf("rejected %q, want %v", rejected, slices.Sorted(maps.Keys(l.Rejected)))
	case !maps.Equal(split, l.Split):
		return fmt.Sprintf("it serves %v, want %v", split, l.Split)
	}
	return ""
}

// split is what a target serves, by release, and nil for nothing. Every split there ever was sums to 100.
func (r *run) split(target string) Split {
	all := r.platform.Splits(target + "/" + pipelineName)
	if len(all) == 0 {
		return nil
	}
	out := Split{}
	for _, share := range all[len(all)-1].Serving() {
		release := strings.TrimPrefix(share.Revision, pipelineName+"-")
		if at := strings.LastIndex(release, "-"); at > 0 { // a later attempt
			release = release[:at]
		}
		out[release] += int(share.Percent)
	}
	return out
}

func (r *run) compareRollout(m *Rollout) string {
	var s rollout.Status
	if err := r.state(rollout.RolloutID(pipelineName, m.Name), &s); err != nil {
		return err.Error()
	}
	if s.State != m.State || s.Paused != m.Paused || len(s.Approval.Votes) < len(m.Votes) || s.PromotionBegun != m.promoting {
		return fmt.Sprintf("it is %s (paused %t, %d votes, promoting %t), want %s (paused %t, %d votes, promoting %t)",
			s.State, s.Paused, len(s.Approval.Votes), s.PromotionBegun, m.State, m.Paused, len(m.Votes), m.promoting)
	}
	for i, want := range m.Phases {
		if got := s.Phases[i]; got.State != want.State || got.Jobs[0].State != want.Job {
			return fmt.Sprintf("%s is %s with its job %s, want %s with %s", got.ID, got.State, got.Jobs[0].State, want.State, want.Job)
		}
	}
	waits := rollout.WaitFor("")
	if s.Waiting != nil {
		waits = s.Waiting.For
	}
	if m.State == rollout.StateInProgress && waits != m.Waits {
		return fmt.Sprintf("it waits for %q, want %q", waits, m.Waits)
	}
	return ""
}

// transitions folds the events of every rollout again: no state may have changed against the tables.
func (r *run) transitions() string {
	for _, l := range r.model.Lanes {
		for _, m := range l.Rollouts {
			var s rollout.Status
			if err := r.state(rollout.RolloutID(pipelineName, m.Name), &s); err != nil {
				return err.Error()
			}
			stages := r.site.stages(m.Release)
			i := slices.IndexFunc(stages, func(p rollout.StagePlan) bool { return p.Target == l.Target })
			again := rollout.NewStatus(m.Name, stages[i].Plan)
			for _, e := range s.Events[1:] { // created: it comes from nowhere
				before := again.Clone()
				again.Apply(e)
				if err := rollout.CheckChange(&before, &again, e); err != nil {
					return fmt.Sprintf("%s: %s: %v", m.Name, e, err)
				}
			}
			if again.State != s.State {
				return fmt.Sprintf("%s: its events make it %s, not %s", m.Name, again.State, s.State)
			}
		}
	}
	return ""
}

// story is what every rollout went through, for people.
func (r *run) story() string {
	var b strings.Builder
	for _, l := range r.model.Lanes {
		for _, m := range l.Rollouts {
			var s rollout.Status
			if err := r.state(rollout.RolloutID(pipelineName, m.Name), &s); err != nil {
				fmt.Fprintf(&b, "  %s: %v\n", m.Name, err)
				continue
			}
			fmt.Fprintf(&b, "  %s (model: %s)\n", m.Name, m.State)
			for _, e := range s.Events {
				fmt.Fprintf(&b, "    %s %s\n", e.Time.Format("Jan 2 15:04:05"), e)
			}
		}
		fmt.Fprintf(&b, "  %s served %v\n", l.Target, r.platform.Splits(l.Target+"/"+pipelineName))
		var s rollout.LaneStatus
		if r.state(rollout.LaneID(pipelineName, l.Target), &s) == nil {
			for _, line := range s.Notes {
				fmt.Fprintf(&b, "  %s notes: %s\n", l.Target, line)
			}
		}
	}
	for _, each := range r.model.Releases {
		var s rollout.ReleaseStatus
		err := r.state(rollout.ReleaseID(pipelineName, each.Name), &s)
		fmt.Fprintf(&b, "  %s is %s %+v, waits %+v, notes %q %v\n", each.Name, s.RenderState, s.Stages, s.Waiting, s.Notes, err)
	}
	return b.String()
}

// commands are the names of those of rollouts and of lanes.
func commands() map[string]bool {
	names := map[string]bool{}
	for _, rule := range rollout.Commands() {
		names[rule.Command] = true
	}
	return names
}

// literal is the sequence as a row of a named test.
func literal(site Site, ops []Op) string {
	var b strings.Builder
	fmt.Fprintf(&b, "site: %s\nops: []Op{\n", brief(site))
	for _, op := range ops {
		fmt.Fprintf(&b, "	%s,\n", brief(op))
	}
	return b.String() + "}"
}

// brief is a struct as a literal without its zero fields.
func brief(v any) string {
	var parts []string
	s := reflect.ValueOf(v)
	for i := range s.NumField() {
		if f := s.Field(i); !f.IsZero() {
			value := fmt.Sprintf("%#v", f.Interface())
			if d, ok := f.Interface().(time.Duration); ok {
				value = fmt.Sprintf("%d * time.Second", d/time.Second)
			}
			parts = append(parts, s.Type().Field(i).Name+": "+value)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
