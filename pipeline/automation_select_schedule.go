package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// schedule is a crontab schedule: of each field the values that match, a bit each.
type schedule struct {
	minutes, hours, days, months, weekdays uint64

	// everyHour: the hours are * or its steps. Such a schedule follows the time that passes. Any
	// other one acts once on a day when the clocks are changed: the first time of an hour
	// that is repeated, and at the change for one that is skipped.
	everyHour bool
	// eitherDay: days and weekdays both are no *, and one of them is enough.
	eitherDay bool
}

// parseSchedule reads what scheduleProblem finds nothing wrong with.
func parseSchedule(text string) (schedule, error) {
	if problem := scheduleProblem(text); problem != "" || text == "" {
		return schedule{}, fmt.Errorf("schedule %q: %s", text, problem)
	}
	parts, sets := strings.Fields(text), [5]uint64{}
	for i, f := range cronFields() {
		for part := range strings.SplitSeq(parts[i], ",") {
			sets[i] |= f.set(part)
		}
	}
	return schedule{
		minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: sets[4] | sets[4]>>7, // 7 is Sunday too
		everyHour: strings.HasPrefix(parts[1], "*"),
		eitherDay: !strings.HasPrefix(parts[2], "*") && !strings.HasPrefix(parts[4], "*"),
	}, nil
}

// set is what one part of a field stands for: *, a number or a word, a range, or the last but
// one with a step.
func (f cronField) set(part string) uint64 {
	span, step, stepped := strings.Cut(part, "/")
	lo, hi, by := f.min, f.max, 1
	if span != "*" {
		from, to, ranged := strings.Cut(span, "-")
		lo, _ = f.value(from)
		hi = lo
		if ranged {
			hi, _ = f.value(to)
		}
	} else if f.max == 7 {
		hi = 6 // every weekday once
	}
	if stepped {
		by, _ = strconv.Atoi(step)
	}
	var out uint64
	for i := lo; i <= hi; i += by {
		out |= 1 << i
	}
	return out
}

func bit(set uint64, i int) bool { return set>>i&1 == 1 }

// next is the first instant after now that s matches in zone; zero if there is none: the day does
// not exist, such as February 30.
func (s schedule) next(now time.Time, zone *time.Location) time.Time {
	const longest = 8*366 + 2 // from one February 29 to the next over a century without one
	y, m, d := now.In(zone).Date()
	for i := -1; i <= longest; i++ { // also the day before: clocks are put back over midnight too
		at := s.on(time.Date(y, m, d+i, 0, 0, 0, 0, time.UTC), now, zone)
		if at.IsZero() {
			continue
		}
		if early := s.on(time.Date(y, m, d+i+1, 0, 0, 0, 0, time.UTC), now, zone); !early.IsZero() && early.Before(at) {
			return early
		}
		return at
	}
	return time.Time{}
}

// on is the first instant after now that s matches on a day; zero if there is none.
func (s schedule) on(day, now time.Time, zone *time.Location) time.Time {
	if !s.matches(day) {
		return time.Time{}
	}
	var first time.Time
	for minute := range 24 * 60 {
		if !bit(s.hours, minute/60) || !bit(s.minutes, minute%60) {
			continue
		}
		for _, at := range s.instants(day.Add(time.Duration(minute)*time.Minute), zone) {
			if at.After(now) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

func (s schedule) matches(day time.Time) bool {
	date, weekday := bit(s.days, day.Day()), bit(s.weekdays, int(day.Weekday()))
	return bit(s.months, int(day.Month())) && ((date && weekday) || (s.eitherDay && (date || weekday)))
}

// instants is when s acts for one time of the wall clock.
func (s schedule) instants(wall time.Time, zone *time.Location) []time.Time {
	guess := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	start, end := guess.ZoneBounds()
	var out []time.Time
	for _, near := range []time.Time{start.Add(-time.Second), guess, end} {
		_, east := near.Zone()
		at := wall.Add(-time.Duration(east) * time.Second).In(zone)
		if wallOf(at).Equal(wall) && !slices.ContainsFunc(out, at.Equal) {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	switch {
	case len(out) == 0 && !s.everyHour:
		return skippedAt(wall, start, end)
	case len(out) > 1 && !s.everyHour:
		return out[:1]
	}
	return out
}

// skippedAt is which of two changes of the clocks has skipped a time of the wall clock.
func skippedAt(wall time.Time, changes ...time.Time) []time.Time {
	for _, change := range changes {
		if !change.IsZero() && wallOf(change).After(wall) && wallOf(change.Add(-time.Second)).Before(wall) {
			return []time.Time{change}
		}
	}
	return nil
}
