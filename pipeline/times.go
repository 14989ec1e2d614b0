package pipeline

import (
	_ "embed" // the list of time zones
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// zones are the names of the IANA time zone database, sorted, one a line. The
// machine's own database does not decide what is valid.
//
//go:embed zones.txt
var zones string

// zoneProblem says why s is no time zone, or "".
func zoneProblem(s string) string {
	known := strings.Fields(zones)
	if _, ok := slices.BinarySearch(known, s); ok || s == "" {
		return ""
	}
	text := fmt.Sprintf("%q is no IANA time zone, such as America/New_York", s)
	if near := nearest(s, known); near != "" {
		text += fmt.Sprintf(": did you mean %s?", near)
	}
	return text
}

// instantProblem says why s is no "yyyy-mm-dd hh:mm", or "".
func instantProblem(s string, isEnd bool) string {
	if s == "" {
		return ""
	}
	day, clock, _ := strings.Cut(s, " ")
	if _, err := time.Parse(time.DateOnly, day); err != nil || clockProblem(clock, isEnd) != "" {
		return fmt.Sprintf(`is %q, want "yyyy-mm-dd hh:mm" without an offset%s`, s, midnight(isEnd))
	}
	return ""
}

// clockProblem says why s is no "hh:mm", or "".
func clockProblem(s string, isEnd bool) string {
	if (isEnd && s == "24:00") || regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`).MatchString(s) {
		return ""
	}
	return fmt.Sprintf(`is %q, want "hh:mm"%s`, s, midnight(isEnd))
}

func midnight(isEnd bool) string {
	if isEnd {
		return "; 24:00 is the end of the day"
	}
	return ""
}

// cronField is one of the five fields of a schedule.
type cronField struct {
	name     string
	min, max int
	// words stand for min, min+1 and so on.
	words []string
}

func cronFields() []cronField {
	return []cronField{
		{"minute", 0, 59, nil},
		{"hour", 0, 23, nil},
		{"day of month", 1, 31, nil},
		{"month", 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
		{"day of week", 0, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")},
	}
}

// scheduleProblem says why s is no crontab schedule, or "".
func scheduleProblem(s string) string {
	if s == "" {
		return ""
	}
	fields, parts := cronFields(), strings.Fields(s)
	if len(parts) != len(fields) {
		return fmt.Sprintf(`has %d fields, want 5 (minute, hour, day of month, month, day of week), such as "0 9 * * 1"`, len(parts))
	}
	for i, f := range fields {
		for part := range strings.SplitSeq(parts[i], ",") {
			if !f.has(part) {
				return fmt.Sprintf("%q is no %s: use *, numbers from %d to %d, ranges, lists and steps", part, f.name, f.min, f.max)
			}
		}
	}
	return ""
}

func (f cronField) has(part string) bool {
	span, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.ParseUint(step, 10, 8); stepped && (err != nil || n == 0) {
		return false
	}
	if span == "*" {
		return true
	}
	from, to, ranged := strings.Cut(span, "-")
	lo, ok := f.value(from)
	if !ranged {
		return ok && !stepped
	}
	hi, also := f.value(to)
	return ok && also && lo <= hi
}

func (f cronField) value(s string) (int, bool) {
	if i := slices.Index(f.words, strings.ToUpper(s)); i >= 0 {
		return f.min + i, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil && int(n) >= f.min && int(n) <= f.max
}
