package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Problem is one thing that is wrong with the input: File is the name the file was
// loaded under, Path leads from the top of the document to the place.
type Problem = rollout.Problem

// Problems is everything that is wrong, by file and line.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// counted is ps as the cause of another error, which begins on a line of its own.
func (ps Problems) counted() error {
	if len(ps) == 1 {
		return ps
	}
	return fmt.Errorf("%d problems:\n%w", len(ps), ps)
}

// tidy sorts ps and drops what is said twice.
func (ps Problems) tidy() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	seen := map[Problem]bool{}
	return slices.DeleteFunc(ps, func(p Problem) bool {
		twice := seen[p]
		seen[p] = true
		return twice
	})
}

// source is where an object came from: its file and the line of every path.
type source struct {
	file  string
	lines map[string]int
	// extended: the object is serin.dev/v1.
	extended bool
}

// at is the line of path or, if it is absent, of what it would be in.
func (s *source) at(path string) int {
	for {
		if n, ok := s.lines[path]; ok {
			return n
		}
		if path == "" {
			return 0
		}
		path = parent(path)
	}
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// judge reports problems at one place of an object.
type judge struct {
	src  *source
	path string
	into *Problems
}

func (j *judge) key(name string) *judge {
	return &judge{src: j.src, path: join(j.path, name), into: j.into}
}

func (j *judge) item(i int) *judge {
	return &judge{src: j.src, path: fmt.Sprintf("%s[%d]", j.path, i), into: j.into}
}

// bad reports a problem.
func (j *judge) bad(format string, args ...any) {
	*j.into = append(*j.into, Problem{
		File: j.src.file, Line: j.src.at(j.path), Path: j.path, Text: fmt.Sprintf(format, args...),
	})
}

// join appends a key to path; a key that is no simple word is quoted.
func join(path, key string) string {
	simple := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	switch {
	case !simple:
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}
