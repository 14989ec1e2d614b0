package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
)

// print writes value as indented JSON with --output json, and else what text writes.
// Columns are separated by tabs and aligned.
func (a *app) print(c *cli.Context, value any, text func(w io.Writer)) error {
	if c.String("output") == jsonOutput {
		return writeJSON(a.Out, value)
	}
	return show(a.Out, text)
}

// show writes to out what text writes, in columns.
func show(out io.Writer, text func(w io.Writer)) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	text(w)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return write(out, trimLines(b.String()))
}

func write(w io.Writer, s string) error {
	if _, err := io.WriteString(w, s); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func writeJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	return nil
}

// row writes one line of a table. A buffer takes every write.
func row(w io.Writer, cells ...string) {
	_, _ = io.WriteString(w, strings.Join(cells, "\t")+"\n")
}

// trimLines removes the spaces that alignment leaves at the ends of lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// stamp is a time for people, in UTC; "-" when there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// span is a duration for people, in its two largest units: "3d4h", "1h2m", "45s".
func span(d time.Duration) string {
	d = max(d.Round(time.Second), 0)
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size && u.size > time.Second {
			continue
		}
		out := fmt.Sprintf("%d%s", d/u.size, u.name)
		if rest := d % u.size; rest > 0 && i+1 < len(units) && rest >= units[i+1].size {
			out += fmt.Sprintf("%d%s", rest/units[i+1].size, units[i+1].name)
		}
		return out
	}
	return ""
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// short is a digest's beginning, enough to tell two apart by eye.
func short(digest string) string {
	const keep = len("sha256:") + 12
	if len(digest) > keep {
		return digest[:keep]
	}
	return digest
}
