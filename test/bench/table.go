package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"text/tabwriter"
)

// row is one number. Value is a median of N samples, or for a count the greatest of
// N, rounded to hundredths.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	N     int     `json:"n"`

	target target
}

// target is what a row promises.
type target struct {
	limit     float64
	inclusive bool // the limit itself still holds
	least     bool // the limit is the least, not the most
	count     bool // the same on every machine
}

func (t target) String() string {
	if t.least {
		return fmt.Sprintf("at least %g", t.limit)
	}
	if t.inclusive {
		return fmt.Sprintf("at most %g", t.limit)
	}
	return fmt.Sprintf("under %g", t.limit)
}

func (r row) holds() bool {
	if r.target.least {
		return r.Value >= r.target.limit
	}
	return r.Value < r.target.limit || r.target.inclusive && r.Value == r.target.limit
}

// printTable prints a line for each row.
func printTable(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines := [][]any{{"measurement", "value", "unit", "n", "target", ""}}
	for _, r := range rows {
		verdict := "holds"
		if !r.holds() {
			verdict = "MISSED"
		}
		lines = append(lines, []any{r.Name, fmt.Sprintf("%g", r.Value), r.Unit, r.N, r.target, verdict})
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(t, "%v\t%v\t%v\t%v\t%v\t%v\n", l...); err != nil {
			return err
		}
	}
	return t.Flush()
}

// write writes the rows as a JSON list.
func write(file string, rows []row) error {
	content, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}

// wrongCounts is an error for each count that misses its target.
func wrongCounts(rows []row) error {
	var all error
	for _, r := range rows {
		if r.target.count && !r.holds() {
			all = errors.Join(all, fmt.Errorf("%s is %g, not %s", r.Name, r.Value, r.target))
		}
	}
	return all
}

// median returns the middle of the samples, which must not be empty.
func median[T cmp.Ordered](samples []T) T {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }
