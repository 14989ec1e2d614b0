package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a machine without time zones judges as any other
)

const (
	aDay  = 24 * time.Hour
	aWeek = 7 * aDay
	// foreseen is how far an opening between weekly windows is looked for. Those that leave none
	// in it, through every change of the clocks, leave none ever.
	foreseen = 400 * aDay
	// shifts is more than all changes of a zone's clocks come to between any two instants.
	shifts = 2 * aDay
)

// closure is the time windows of one rule. An instant lies in a window if the wall clock of the
// zone says so: both times of an hour that is repeated, and nothing of one that is skipped. Wall
// clocks are written as the same time in UTC.
type closure struct {
	zone   *time.Location
	once   []window
	weekly []span // sorted, and apart from each other
}

// window is a stretch of the wall clock, its end exclusive.
type window struct{ from, to time.Time }

// span is a stretch of every week, from Sunday 0:00 on, its end exclusive.
type span struct{ from, to time.Duration }

// closure reads w.
func (w TimeWindows) closure() (closure, error) {
	if text := zoneProblem(w.TimeZone); text != "" || w.TimeZone == "" {
		return closure{}, fmt.Errorf("timeZone %q is no IANA time zone", w.TimeZone)
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return closure{}, fmt.Errorf("timeZone %q: %w", w.TimeZone, err)
	}
	out := closure{zone: zone}
	for _, o := range w.OneTimeWindows {
		from, begins := wallClock(o.Start)
		to, ends := wallClock(o.End)
		if !begins || !ends {
			return closure{}, fmt.Errorf(`window from %q to %q is not in the form "yyyy-mm-dd hh:mm"`, o.Start, o.End)
		}
		out.once = append(out.once, window{from, to})
	}
	for _, k := range w.WeeklyWindows {
		spans, err := k.spans()
		if err != nil {
			return closure{}, err
		}
		out.weekly = append(out.weekly, spans...)
	}
	out.weekly = joined(out.weekly)
	return out, nil
}

// wallClock reads "yyyy-mm-dd hh:mm".
func wallClock(s string) (time.Time, bool) {
	day, clock, _ := strings.Cut(s, " ")
	date, err := time.Parse(time.DateOnly, day)
	past, ok := sinceMidnight(clock)
	return date.Add(past), err == nil && ok
}

// sinceMidnight reads "hh:mm", also 24:00.
func sinceMidnight(s string) (time.Duration, bool) {
	if clockProblem(s, true) != "" {
		return 0, false
	}
	digit := func(i int) time.Duration { return time.Duration(s[i] - '0') }
	return (10*digit(0)+digit(1))*time.Hour + (10*digit(3)+digit(4))*time.Minute, true
}

// spans lists w day by day.
func (w WeeklyWindow) spans() ([]span, error) {
	from, to := time.Duration(0), aDay
	if w.StartTime != "" || w.EndTime != "" {
		var begins, ends bool
		from, begins = sinceMidnight(w.StartTime)
		to, ends = sinceMidnight(w.EndTime)
		if !begins || !ends {
			return nil, fmt.Errorf(`window from %q to %q is not in the form "hh:mm"`, w.StartTime, w.EndTime)
		}
	}
	var out []span
	for day := time.Sunday; day <= time.Saturday; day++ {
		if len(w.DaysOfWeek) == 0 || slices.Contains(w.DaysOfWeek, strings.ToUpper(day.String())) {
			midnight := time.Duration(day) * aDay
			out = append(out, span{midnight + from, midnight + to})
		}
	}
	return out, nil
}

// joined sorts spans and makes one of those that meet.
func joined(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []span
	for _, s := range spans {
		if last := len(out) - 1; last >= 0 && s.from <= out[last].to {
			out[last].to = max(out[last].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// holds reports whether t lies in a window, and until when it does at least: until the window
// ends, the clocks are changed, or the end comes near.
func (c closure) holds(t time.Time) (time.Time, bool) {
	local := t.In(c.zone)
	wall := wallOf(local)
	w := c.around(wall)
	if w.to.IsZero() {
		return time.Time{}, false
	}
	rest := w.to.Sub(wall)
	if wall.Sub(w.from) > shifts && rest > shifts {
		return t.Add(rest - shifts), true
	}
	until := t.Add(rest)
	_, change := local.ZoneBounds()
	if !change.IsZero() && !change.After(t) {
		change = t.Add(time.Hour) // far in the future ZoneBounds errs on the last day of leap years
	}
	if !change.IsZero() && change.Before(until) {
		until = change
	}
	return until, true
}

// wallOf is what the wall clock shows at local, written as UTC.
func wallOf(local time.Time) time.Time {
	_, east := local.Zone()
	return local.UTC().Add(time.Duration(east) * time.Second)
}

// around is the window that wall lies in, of several the one that ends last; zero if there is none.
func (c closure) around(wall time.Time) window {
	var found window
	for _, w := range c.once {
		if !wall.Before(w.from) && wall.Before(w.to) && w.to.After(found.to) {
			found = w
		}
	}
	midnight := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	past := time.Duration(wall.Weekday())*aDay + wall.Sub(midnight)
	for _, s := range c.weekly {
		if to := wall.Add(s.to - past); s.from <= past && past < s.to && to.After(found.to) {
			found = window{wall.Add(s.from - past), to}
		}
	}
	return found
}

// opens is the first instant from now on that lies in no window of all; zero if there is none.
func opens(all []closure, now time.Time) time.Time {
	last, weekly := now, slices.Clone(all)
	for i, c := range all {
		weekly[i].once = nil
		for _, w := range c.once {
			if w.to.After(last) {
				last = w.to
			}
		}
	}
	if search(weekly, now, now.Add(foreseen)).IsZero() {
		return time.Time{} // windows that happen once open nothing
	}
	return search(all, now, last.Add(foreseen))
}

// search goes from end to end of what holds, so that a year costs no more than its windows.
func search(all []closure, from, to time.Time) time.Time {
	for t := from; !t.After(to); {
		open := true
		for _, c := range all {
			if until, holds := c.holds(t); holds {
				t, open = until, false
			}
		}
		if open {
			return expressible(t)
		}
	}
	return time.Time{}
}

// expressible is t in UTC. JSON has no year of five digits: that far away is for good.
func expressible(t time.Time) time.Time {
	if t = t.UTC(); t.Year() > 9999 {
		return time.Time{}
	}
	return t
}
