package main

import (
	"fmt"
	"strings"
)

// ink colors text on a terminal, and leaves it plain elsewhere.
type ink bool

func (i ink) bold(s string) string  { return i.paint("1", s) }
func (i ink) dim(s string) string   { return i.paint("2", s) }
func (i ink) green(s string) string { return i.paint("32", s) }
func (i ink) red(s string) string   { return i.paint("31", s) }

func (i ink) paint(code, s string) string {
	if !i {
		return s
	}
	return fmt.Sprintf("\x1b[%sm%s\x1b[0m", code, s)
}

// barWidth is that of a bar in columns.
const barWidth = 20

// bar draws percent of a whole.
func (i ink) bar(percent float64) string {
	full := min(max(int(percent*barWidth/100+0.5), 0), barWidth)
	return i.green(strings.Repeat("█", full)) + i.dim(strings.Repeat("░", barWidth-full))
}
