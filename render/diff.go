package render

import (
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Diff returns what changes from manifest a to manifest b as a unified diff
// without file names and with three lines of context. It is empty if nothing does.
func Diff(a, b []byte) string {
	u := difflib.UnifiedDiff{A: lines(a), B: lines(b), Context: 3}
	out, err := difflib.GetUnifiedDiffString(u)
	if err != nil {
		// Only writing to the buffer could fail.
		return fmt.Sprintf("the manifests differ: %v\n", err)
	}
	return out
}

// lines splits content after each line and ends the last one.
func lines(content []byte) []string {
	if len(content) == 0 {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(content)) {
		out = append(out, strings.TrimSuffix(line, "\n")+"\n")
	}
	return out
}
