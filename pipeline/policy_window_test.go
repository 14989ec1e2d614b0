package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/pipeline"
)

// closed is a config with one policy that has these windows.
func closed(w ...pipeline.TimeWindows) *pipeline.Config {
	any := &pipeline.Attributes{ID: "*"}
	p := &pipeline.DeployPolicy{Selectors: []pipeline.PolicySelector{{Target: any}}}
	p.Metadata.Name = "freeze"
	for i, k := range w {
		p.Rules = append(p.Rules, pipeline.PolicyRule{
			RolloutRestriction: &pipeline.RolloutRestriction{ID: fmt.Sprintf("rule-%d", i), TimeWindows: k},
		})
	}
	return &pipeline.Config{Policies: []*pipeline.DeployPolicy{p}}
}

func TestWindowsGoByTheWallClockOfTheirZone(t *testing.T) {
	t.Parallel()
	const berlin, newYork, lordHowe = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
	const never = "never"
	once := func(zone, start, end string) pipeline.TimeWindows {
		return pipeline.TimeWindows{TimeZone: zone, OneTimeWindows: []pipeline.OneTimeWindow{{Start: start, End: end}}}
	}
	weekly := func(zone, days, start, end string) pipeline.TimeWindows {
		return pipeline.TimeWindows{TimeZone: zone, WeeklyWindows: []pipeline.WeeklyWindow{
			{DaysOfWeek: strings.Fields(days), StartTime: start, EndTime: end},
		}}
	}
	for _, row := range []struct {
		name    string
		windows pipeline.TimeWindows
		now     string
		until   string // "": now is outside
	}{
		{"before the start", once(berlin, "2026-06-01 10:00", "2026-06-01 12:00"), "2026-06-01T09:59:59+02:00", ""},
		{"the start belongs to it", once(berlin, "2026-06-01 10:00", "2026-06-01 12:00"), "2026-06-01T10:00:00+02:00", "2026-06-01T12:00:00+02:00"},
		{"seconds are kept", once(berlin, "2026-06-01 10:00", "2026-06-01 12:00"), "2026-06-01T11:59:59+02:00", "2026-06-01T12:00:00+02:00"},
		{"the end does not", once(berlin, "2026-06-01 10:00", "2026-06-01 12:00"), "2026-06-01T12:00:00+02:00", ""},
		{"24:00 is the end of the day", once(berlin, "2026-06-01 10:00", "2026-06-01 24:00"), "2026-06-01T23:59:00+02:00", "2026-06-02T00:00:00+02:00"},
		{"a year, over both changes of the clocks", once(berlin, "2026-01-01 00:00", "2027-01-01 00:00"), "2026-02-01T00:00:00Z", "2027-01-01T00:00:00+01:00"},
		{"for a long time, over the last days of leap years", once(berlin, "2026-01-01 00:00", "2600-07-01 00:00"), "2026-02-01T00:00:00Z", "2600-07-01T00:00:00+02:00"},
		{"on the last day of a leap year", once(berlin, "2040-12-31 00:00", "2040-12-31 20:00"), "2040-12-31T08:00:00Z", "2040-12-31T20:00:00+01:00"},
		{"until the end of what JSON can say", once("Etc/UTC", "2026-01-01 00:00", "9999-12-31 23:59"), "2026-02-01T00:00:00Z", "9999-12-31T23:59:00Z"},
		{"beyond it is for good", once("Etc/UTC", "2026-01-01 00:00", "9999-12-31 24:00"), "2026-02-01T00:00:00Z", never},

		{"a weekday", weekly(berlin, "FRIDAY", "16:00", "24:00"), "2026-06-05T16:00:00+02:00", "2026-06-06T00:00:00+02:00"},
		{"another weekday", weekly(berlin, "FRIDAY", "16:00", "24:00"), "2026-06-04T17:00:00+02:00", ""},
		{"the weekday is the zone's", weekly(newYork, "FRIDAY", "", ""), "2026-06-06T02:00:00Z", "2026-06-06T00:00:00-04:00"},
		{"a whole weekend, over the end of the week", weekly(berlin, "SATURDAY SUNDAY", "", ""), "2026-06-06T03:00:00+02:00", "2026-06-08T00:00:00+02:00"},
		{"every night", weekly(berlin, "", "00:00", "06:00"), "2026-06-06T03:00:00+02:00", "2026-06-06T06:00:00+02:00"},
		{"every day, the whole day", weekly(berlin, "", "", ""), "2026-06-06T03:00:00+02:00", never},
		{"every day from 0:00 to 24:00", weekly(berlin, "", "00:00", "24:00"), "2026-06-06T03:00:00+02:00", never},

		{"every day, and once in a far year", pipeline.TimeWindows{
			TimeZone: berlin, WeeklyWindows: []pipeline.WeeklyWindow{{StartTime: "00:00", EndTime: "12:00"}, {StartTime: "12:00", EndTime: "24:00"}},
			OneTimeWindows: []pipeline.OneTimeWindow{{Start: "9998-01-01 00:00", End: "9998-01-02 00:00"}},
		}, "2026-06-06T03:00:00+02:00", never},

		{"forward: over the hour that is skipped", once(berlin, "2026-03-29 01:00", "2026-03-29 04:00"), "2026-03-29T01:30:00+01:00", "2026-03-29T04:00:00+02:00"},
		{"forward: an end that is skipped is the change", once(berlin, "2026-03-29 01:00", "2026-03-29 02:30"), "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"forward: an end at the change", once(berlin, "2026-03-29 01:00", "2026-03-29 02:00"), "2026-03-29T01:59:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"forward: a start that is skipped is the change", once(berlin, "2026-03-29 02:30", "2026-03-29 04:00"), "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"},
		{"forward: and not before", once(berlin, "2026-03-29 02:30", "2026-03-29 04:00"), "2026-03-29T01:59:59+01:00", ""},
		{"forward: a window that is skipped never is", weekly(berlin, "", "02:15", "02:45"), "2026-03-29T03:00:00+02:00", ""},
		{"back: both times of the hour are inside", once(berlin, "2026-10-25 02:00", "2026-10-25 03:00"), "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00"},
		{"back: the second one too", once(berlin, "2026-10-25 02:00", "2026-10-25 03:00"), "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"},
		{"back: an end in the hour opens the first time", once(berlin, "2026-10-25 01:00", "2026-10-25 02:30"), "2026-10-25T02:15:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"back: and closes again the second time", once(berlin, "2026-10-25 01:00", "2026-10-25 02:30"), "2026-10-25T02:15:00+01:00", "2026-10-25T02:30:00+01:00"},
		{"back: a start in the hour opens at the change", once(berlin, "2026-10-25 02:30", "2026-10-25 04:00"), "2026-10-25T02:45:00+02:00", "2026-10-25T02:00:00+01:00"},

		{"New York, forward", weekly(newYork, "SUNDAY", "01:00", "02:30"), "2026-03-08T01:59:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"New York, forward: a start", weekly(newYork, "SUNDAY", "02:30", "05:00"), "2026-03-08T03:00:00-04:00", "2026-03-08T05:00:00-04:00"},
		{"New York, back", weekly(newYork, "SUNDAY", "01:00", "02:00"), "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00"},
		{"New York, back: the whole day has 25 hours", weekly(newYork, "SUNDAY", "", ""), "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		{"Lord Howe, forward by half an hour", once(lordHowe, "2026-10-04 01:00", "2026-10-04 02:15"), "2026-10-04T01:59:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"Lord Howe, forward: a start", once(lordHowe, "2026-10-04 02:15", "2026-10-04 03:00"), "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"},
		{"Lord Howe, back by half an hour", once(lordHowe, "2026-04-05 01:30", "2026-04-05 02:00"), "2026-04-05T01:45:00+11:00", "2026-04-05T02:00:00+10:30"},
		{"Lord Howe, back: an end in the half hour", once(lordHowe, "2026-04-05 01:00", "2026-04-05 01:45"), "2026-04-05T01:40:00+11:00", "2026-04-05T01:45:00+11:00"},
		{"Lord Howe, back: the second time", once(lordHowe, "2026-04-05 01:00", "2026-04-05 01:45"), "2026-04-05T01:30:00+10:30", "2026-04-05T01:45:00+10:30"},
		{"a day that was skipped whole", once("Pacific/Apia", "2011-12-29 12:00", "2011-12-30 12:00"), "2011-12-29T13:00:00-10:00", "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j, err := closed(row.windows).Judge(byUser("dev"), instant(t, row.now))
			if err != nil || (len(j.Violations) > 0) != (row.until != "") {
				t.Fatalf("got %v, %v; want until %q", j.Violations, err, row.until)
			}
			want := time.Time{}
			if row.until != "" && row.until != never {
				want = instant(t, row.until)
			}
			if !j.Until.Equal(want) {
				t.Errorf("until %s, want %s", j.Until, want.UTC())
			}
			if content, err := j.Until.MarshalJSON(); err != nil {
				t.Errorf("%s cannot be sent: %v", content, err)
			}
		})
	}
}

// Weekly windows of two zones may leave only the hour by which their clocks are changed on
// different days; that is an opening.
func TestAnOpeningThatComesOnceAYearIsFound(t *testing.T) {
	t.Parallel()
	// Berlin is 6 hours ahead of New York, and one is closed when the other opens. For a week of
	// autumn it is 5, and when New York closes at 18:00 it is 23:00 in Berlin.
	night := pipeline.TimeWindows{TimeZone: "Europe/Berlin", WeeklyWindows: []pipeline.WeeklyWindow{{StartTime: "00:00", EndTime: "18:00"}}}
	day := pipeline.TimeWindows{TimeZone: "America/New_York", WeeklyWindows: []pipeline.WeeklyWindow{{StartTime: "12:00", EndTime: "18:00"}}}
	j, err := closed(night, day).Judge(byUser("dev"), instant(t, "2026-06-01T12:00:00Z"))
	if err != nil || len(j.Violations) != 1 {
		t.Fatalf("%+v, %v", j, err)
	}
	if want := instant(t, "2026-10-25T23:00:00+01:00"); !j.Until.Equal(want) {
		t.Errorf("until %s, want %s", j.Until, want.UTC())
	}
}

// inside asks the wall clock in another way: the forms of times sort as the times do.
func inside(w pipeline.TimeWindows) func(time.Time) bool {
	zone, err := time.LoadLocation(w.TimeZone)
	return func(at time.Time) bool {
		if err != nil {
			return false
		}
		wall := at.In(zone).Format("2006-01-02 15:04")
		for _, o := range w.OneTimeWindows {
			if o.Start <= wall && wall < o.End {
				return true
			}
		}
		day := strings.ToUpper(at.In(zone).Weekday().String())
		for _, k := range w.WeeklyWindows {
			if len(k.DaysOfWeek) > 0 && !slices.Contains(k.DaysOfWeek, day) {
				continue
			}
			if k.StartTime == "" || (k.StartTime <= wall[11:] && wall[11:] < k.EndTime) {
				return true
			}
		}
		return false
	}
}

// drawWindows draws windows near a change of the clocks, where it is hard.
func drawWindows(r *rapid.T, near time.Time) pipeline.TimeWindows {
	w := pipeline.TimeWindows{TimeZone: rapid.SampledFrom([]string{
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Etc/UTC", "Pacific/Apia",
	}).Draw(r, "zone")}
	wall := func(min, max int) time.Time {
		return near.Add(time.Duration(rapid.IntRange(min, max).Draw(r, "quarters")) * 15 * time.Minute)
	}
	for range rapid.IntRange(0, 3).Draw(r, "once") {
		start := wall(-200, 200)
		end := start.Add(time.Duration(rapid.IntRange(1, 1000).Draw(r, "length")) * 15 * time.Minute)
		w.OneTimeWindows = append(w.OneTimeWindows, pipeline.OneTimeWindow{
			Start: start.Format("2006-01-02 15:04"), End: end.Format("2006-01-02 15:04"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(r, "weekly") {
		k := pipeline.WeeklyWindow{DaysOfWeek: rapid.SliceOfDistinct(rapid.SampledFrom(strings.Fields(
			"MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY")), rapid.ID[string]).Draw(r, "days")}
		if rapid.Bool().Draw(r, "hours") {
			start := rapid.IntRange(0, 95).Draw(r, "start")
			end := rapid.IntRange(start+1, 96).Draw(r, "end")
			k.StartTime = fmt.Sprintf("%02d:%02d", start/4, start%4*15)
			k.EndTime = fmt.Sprintf("%02d:%02d", end/4, end%4*15)
		}
		w.WeeklyWindows = append(w.WeeklyWindows, k)
	}
	return w
}

// Until is the first minute outside of every window: so says a look at each minute.
func TestUntilIsTheFirstMinuteOutside(t *testing.T) {
	t.Parallel()
	const longest = 16 * 24 * 60 // minutes: more than what is drawn can last that happens once
	rapid.Check(t, func(r *rapid.T) {
		near := rapid.SampledFrom([]time.Time{
			time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC),
			time.Date(2026, 3, 8, 2, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC),
			time.Date(2026, 4, 5, 2, 0, 0, 0, time.UTC), time.Date(2026, 10, 4, 2, 0, 0, 0, time.UTC),
		}).Draw(r, "near")
		first, second := drawWindows(r, near), drawWindows(r, near)
		inFirst, inSecond := inside(first), inside(second)
		now := near.Add(time.Duration(rapid.IntRange(-3000, 3000).Draw(r, "now")) * time.Minute)
		j, err := closed(first, second).Judge(byUser("dev"), now)
		if err != nil {
			r.Fatal(err)
		}
		at := now
		for minute := 0; inFirst(at) || inSecond(at); minute++ {
			if minute > longest {
				if !j.Until.IsZero() && j.Until.Before(at) {
					r.Errorf("at %s until %s, but %s is inside", now, j.Until, j.Until)
				}
				return
			}
			at = at.Add(time.Minute)
		}
		switch {
		case at.Equal(now) && len(j.Violations) > 0:
			r.Errorf("at %s: %v", now, j.Violations)
		case at.After(now) && !j.Until.Equal(at):
			r.Errorf("at %s until %s, want %s", now, j.Until, at)
		}
	})
}

func FuzzJudge(f *testing.F) {
	f.Add("Europe/Berlin", "2026-03-29 02:30", "2026-10-25 02:30", "FRIDAY", "16:00", "24:00", int64(1774747800))
	f.Add("Australia/Lord_Howe", "2026-04-05 01:45", "9999-12-31 24:00", "", "", "", int64(0))
	f.Add("Local", "0000-01-01 00:00", "", "SOMEDAY", "24:00", "00:00", int64(-62135596800))
	f.Fuzz(func(t *testing.T, zone, start, end, day, from, to string, now int64) {
		w := pipeline.TimeWindows{TimeZone: zone}
		if start != "" {
			w.OneTimeWindows = []pipeline.OneTimeWindow{{Start: start, End: end}}
		}
		if day != "" {
			w.WeeklyWindows = []pipeline.WeeklyWindow{{DaysOfWeek: []string{day}, StartTime: from, EndTime: to}, {}}[:1+len(day)%2]
		}
		at := time.Unix(now%(1<<38), 0) // some thousands of years
		j, err := closed(w).Judge(byUser("dev"), at)
		if err != nil {
			return
		}
		if !j.Until.IsZero() && !j.Until.After(at) {
			t.Errorf("at %s until %s", at, j.Until)
		}
		if !j.Until.IsZero() && inside(w)(j.Until) && end <= "9999" {
			t.Errorf("at %s until %s, which is inside", at, j.Until)
		}
	})
}
