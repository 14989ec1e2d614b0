package analysis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// probe asks one question. Its errors have the kinds of an Analyzer's.
type probe interface {
	ask(ctx context.Context) (reading, error)
}

// reading is an answer.
type reading struct {
	canary rollout.Sample
	stable rollout.Sample // of a comparison
	bad    string         // why the release is bad, of what is not a number
	why    string         // why there is no answer, of what is no outage
	logs   []byte         // of a container
}

// check is one check of an analysis. The loop owns it; a probe that is being asked may read it.
type check struct {
	tally

	probe probe
	spec  *rollout.Check // nil: its answers are no numbers
	query string         // as it is asked
	every time.Duration
	first time.Duration // when it is asked first, on the analysis' clock
	need  int           // so many samples must have a value

	due    time.Time // when it is asked next
	busy   bool      // it is being asked
	silent time.Time // since when it has no answer; zero: the last one came
	why    string    // and why not: the last one
	tries  int       // that were silent, in a row
	logs   []byte
	series rollout.Series
}

// tally is what is kept of a check.
type tally struct {
	ID     string        `json:"id"`
	Asked  time.Time     `json:"asked,omitzero"`   // the newest instant that has an answer
	Silent time.Duration `json:"silent,omitempty"` // how long it has had none
	Runs   int           `json:"runs,omitempty"`   // answers so far

	Samples int      `json:"samples,omitempty"` // that have a value
	Failed  int      `json:"failed,omitempty"`
	Row     int      `json:"row,omitempty"` // of them, since the last good one
	Last    *float64 `json:"last,omitempty"`
	Bad     string   `json:"bad,omitempty"` // why it has failed

	Unreachable bool `json:"unreachable,omitempty"` // Bad is that nobody has answered for too long

	New column `json:"new,omitzero"` // samples that are in no chunk yet
}

// column are samples in few bytes. A nil is a sample without a value.
type column struct {
	At     []int64    `json:"at,omitempty"` // milliseconds since the analysis began
	Canary []*float64 `json:"canary,omitempty"`
	Stable []*float64 `json:"stable,omitempty"` // as many, where it compares
}

// IsZero reports whether there is none.
func (c column) IsZero() bool { return len(c.At) == 0 }

// take counts an answer that was asked for at an instant; since is when the analysis began.
func (c *check) take(r reading, asked, since time.Time) {
	c.Asked, c.Runs = asked, c.Runs+1
	if r.logs != nil {
		c.logs = r.logs
	}
	if c.spec == nil {
		c.why = r.why
		if r.canary.Found {
			c.Samples++
		}
		if r.bad != "" {
			c.Failed, c.Bad = c.Failed+1, r.bad
		}
		return
	}
	r.canary.Time, r.stable.Time = asked, asked
	c.series.Canary = append(c.series.Canary, r.canary)
	c.New.At = append(c.New.At, asked.Sub(since).Milliseconds())
	c.New.Canary = append(c.New.Canary, valueOf(r.canary))
	if c.spec.Compare != nil {
		c.series.Stable = append(c.series.Stable, r.stable)
		c.New.Stable = append(c.New.Stable, valueOf(r.stable))
	}
	if r.canary.Found {
		c.limit(r.canary.Value)
	}
}

// valueOf is the value of s, nil if it has none.
func valueOf(s rollout.Sample) *float64 {
	if !s.Found {
		return nil
	}
	return &s.Value
}

// limit judges one value by Min and Max. A sample without a value is in no row: it ends none.
func (c *check) limit(v float64) {
	c.Samples++
	c.Last = &v
	outside := c.outside(v)
	if outside == "" {
		c.Row = 0
		return
	}
	c.Failed++
	c.Row++
	switch s := c.spec; {
	case c.Failed > s.FailureLimit && s.FailureLimit > 0:
		c.Bad = fmt.Sprintf("%s: %d of %d samples failed, more than %d", outside, c.Failed, c.Samples, s.FailureLimit)
	case c.Failed > s.FailureLimit:
		c.Bad = outside
	case s.ConsecutiveFailureLimit > 0 && c.Row > s.ConsecutiveFailureLimit:
		c.Bad = fmt.Sprintf("%s: %d samples in a row failed, more than %d", outside, c.Row, s.ConsecutiveFailureLimit)
	}
}

// outside says which limit v breaks, or "".
func (c *check) outside(v float64) string {
	switch s := c.spec; {
	case s.Min != nil && v < *s.Min:
		return fmt.Sprintf("%s is below %s", short(v), short(*s.Min))
	case s.Max != nil && v > *s.Max:
		return fmt.Sprintf("%s is above %s", short(v), short(*s.Max))
	}
	return ""
}

// short is v with six digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// add puts samples of an earlier attempt into the series.
func (c *check) add(kept column, since time.Time) {
	sample := func(ms int64, v *float64) rollout.Sample {
		s := rollout.Sample{Time: since.Add(time.Duration(ms) * time.Millisecond)}
		if v != nil {
			s.Value, s.Found = *v, true
		}
		return s
	}
	for i, ms := range kept.At {
		if i < len(kept.Canary) {
			c.series.Canary = append(c.series.Canary, sample(ms, kept.Canary[i]))
		}
		if i < len(kept.Stable) {
			c.series.Stable = append(c.series.Stable, sample(ms, kept.Stable[i]))
		}
	}
}

// schedule sets when c is asked next, after an answer that was due at c.due and was asked for at
// asked. Who was in time keeps the rhythm; who was late begins a new one, so that two
// questions are never closer than nineteen twentieths of the interval.
func (c *check) schedule(asked time.Time) {
	from := asked
	if asked.Sub(c.due) < c.slack() {
		from = c.due
	}
	c.due = from.Add(c.every)
}

func (c *check) slack() time.Duration { return c.every / 20 }
