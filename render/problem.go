package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Problem is one thing that is wrong with a source: File is a slash path inside it,
// or "manifest" for rendered content.
type Problem = rollout.Problem

// Problems are everything found at once, in the order of the source. As an
// error they stand inside a *rollout.Error of kind Invalid.
type Problems []Problem

// Error gives a single problem as it is, and several one to a line.
func (ps Problems) Error() string {
	if len(ps) == 1 {
		return ps[0].String()
	}
	lines := []string{fmt.Sprintf("%d problems", len(ps))}
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// failure is the error that holds ps in order, or nil if there are none.
func (ps Problems) failure(op string) error {
	if len(ps) == 0 {
		return nil
	}
	return &rollout.Error{Op: op, Kind: rollout.Invalid, Err: ps.ordered()}
}

// ordered is ps file by file in the order of their lines and without repetitions.
func (ps Problems) ordered() Problems {
	var once Problems
	seen := map[Problem]bool{}
	for _, p := range ps {
		if !seen[p] {
			seen[p] = true
			once = append(once, p)
		}
	}
	files := map[string]int{}
	for _, p := range once {
		if _, ok := files[p.File]; !ok {
			files[p.File] = len(files)
		}
	}
	slices.SortStableFunc(once, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return once
}

// in returns a function that appends a problem of one file to ps.
func (ps *Problems) in(file string) report {
	return func(at *value, format string, args ...any) {
		*ps = append(*ps, Problem{File: file, Line: at.line, Path: at.path, Text: fmt.Sprintf(format, args...)})
	}
}

// report says what is wrong at a place.
type report func(at *value, format string, args ...any)
