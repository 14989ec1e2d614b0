package analysis

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// eventsEvery is how often alerts and groups of errors are asked for.
const eventsEvery = 30 * time.Second

// queries returns the checks by Prometheus.
func (a *Activities) queries(w *watch, names words) ([]*check, error) {
	p := w.spec.Prometheus
	if p == nil {
		return nil, nil
	}
	var out []*check
	for i := range p.Checks {
		spec := &p.Checks[i]
		if a.o.Analyzer == nil {
			return nil, w.lacks(spec.ID, "asks no Prometheus")
		}
		c, err := a.query(w, spec, names.with(spec.Interval))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (a *Activities) query(w *watch, spec *rollout.Check, names words) (*check, error) {
	if spec.Compare != nil && spec.Compare.Fresh && names[wordFresh] == "" {
		return nil, w.lacks(spec.ID, "has no fresh pods of stable to compare with")
	}
	if spec.Interval <= 0 {
		return nil, w.invalid(spec.ID, fmt.Errorf("its interval is %s", spec.Interval))
	}
	text, err := names.fill(spec.Query)
	if err != nil {
		return nil, w.invalid(spec.ID, err)
	}
	server := *w.spec.Prometheus
	server.Checks, server.Judge = nil, nil
	q := &querier{analyzer: a.o.Analyzer, canary: rollout.Query{Prometheus: server, Text: text, Interval: spec.Interval}}
	if spec.Compare != nil {
		stable := q.canary
		if stable.Text, err = names.ofStable(spec.Compare.Fresh).fill(spec.Query); err != nil {
			return nil, w.invalid(spec.ID, err)
		}
		q.stable = &stable
	}
	c := w.check(spec.ID, q, spec.Interval)
	c.spec, c.query, c.need = spec, text, max(spec.MinSamples, 1)
	c.series = rollout.Series{Check: spec.ID, Query: text}
	c.first = min(spec.Warmup+spec.Interval, w.spec.Duration) // what it measures must lie behind it
	return c, nil
}

func (w *watch) invalid(id string, err error) error {
	return &rollout.Error{Op: "analyze", On: w.r.Work.Rollout + ": check " + id, Kind: rollout.Invalid, Err: err}
}

// check returns one that is asked at once, and then every so often.
func (w *watch) check(id string, p probe, every time.Duration) *check {
	return &check{tally: tally{ID: id}, probe: p, every: max(every, time.Millisecond), need: 1}
}

// querier measures; where it compares, both at the same instant.
type querier struct {
	analyzer activities.Analyzer
	canary   rollout.Query
	stable   *rollout.Query // nil: compares nothing
}

func (q *querier) ask(ctx context.Context) (reading, error) {
	var r reading
	var err, other error
	var both sync.WaitGroup
	if q.stable != nil {
		both.Go(func() { r.stable, other = q.analyzer.Measure(ctx, *q.stable) })
	}
	r.canary, err = q.analyzer.Measure(ctx, q.canary)
	both.Wait()
	for _, each := range []error{err, other} {
		if lasting(each) {
			return r, each
		}
	}
	return r, cmp.Or(err, other)
}

// after sets what is too old an answer for c: one that was asked for before its own first question, as
// another rollout has, measures what was there before the release.
func (w *watch) after(c *check) {
	q, ok := c.probe.(*querier)
	if !ok {
		return
	}
	from := w.Started.Add(c.first - c.slack())
	q.canary.After = from
	if q.stable != nil {
		q.stable.After = from
	}
}

// healthy is the reading of what has answered and knows nothing bad, or bad.
func healthy(bad string) reading {
	return reading{canary: rollout.Sample{Found: true}, bad: bad}
}

// asking is a probe made of a function.
type asking func(ctx context.Context) (string, error)

func (f asking) ask(ctx context.Context) (reading, error) {
	bad, err := f(ctx)
	return healthy(bad), err
}

// alerts returns the checks by alert policies.
func (a *Activities) alerts(w *watch, _ words) ([]*check, error) {
	var out []*check
	for _, c := range w.spec.Alerts {
		if a.o.Alerts == nil {
			return nil, w.lacks(c.ID, "asks for no alerts")
		}
		out = append(out, w.check(c.ID, asking(func(ctx context.Context) (string, error) {
			return a.o.Alerts.Open(ctx, c, w.Started)
		}), eventsEvery))
	}
	return out, nil
}

// errors returns the checks by Error Reporting.
func (a *Activities) errors(w *watch, names words) ([]*check, error) {
	var out []*check
	for _, c := range w.spec.Errors {
		if a.o.Errors == nil {
			return nil, w.lacks(c.ID, "asks for no groups of errors")
		}
		service := c.Service
		if service == "" {
			service = names[wordService]
		}
		if names[wordCanary] == "" || service == "" {
			return nil, w.invalid(c.ID, fmt.Errorf("service %q and revision %q of this release are not both known", service, names[wordCanary]))
		}
		out = append(out, w.check(c.ID, asking(func(ctx context.Context) (string, error) {
			return a.o.Errors.New(ctx, c, service, names[wordCanary], w.Started)
		}), eventsEvery))
	}
	return out, nil
}

// webhooks returns the checks by webhooks that may ask to go back.
func (a *Activities) webhooks(w *watch, _ words) ([]*check, error) {
	var out []*check
	for _, h := range w.spec.Webhooks {
		if h.Type != rollout.WebhookRollback {
			continue // a gate's, which the workflow asks
		}
		if a.o.Asker == nil {
			return nil, w.lacks(h.ID, "asks no webhooks")
		}
		c := w.check(h.ID, &rollback{asker: a.o.Asker, hook: h, work: w.r.Work}, h.Interval)
		c.need = 0 // who does not answer does not ask to go back
		out = append(out, c)
	}
	return out, nil
}

// rollback asks a webhook that may ask to go back. That it does not answer is no outage of metrics: it
// counts for nothing.
type rollback struct {
	asker Asker
	hook  rollout.Webhook
	work  activities.Work
}

func (p *rollback) ask(ctx context.Context) (reading, error) {
	yes, err := p.asker.Ask(ctx, p.hook, p.work)
	switch {
	case lasting(err):
		return reading{}, err
	case err != nil:
		return reading{why: err.Error()}, nil
	case yes:
		return healthy("it asks to roll back"), nil
	}
	return healthy(""), nil
}
