package cli

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// columns is how wide s is on a terminal.
func columns(s string) int { return lipgloss.Width(s) }

// fit cuts s, which is one line without styles, to width columns.
func fit(s string, width int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if columns(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && columns(string(runes)) > width-1 {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// wrap breaks s at spaces into lines of at most width columns. A longer word is cut.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		word = fit(word, width)
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// wrapCommand breaks a command before its flags, so that what is copied from the
// screen still runs. A single flag that is too long is left whole.
func wrapCommand(command string, width int) []string {
	const indent = "    "
	var lines []string
	line := ""
	for i, part := range strings.Split(command, " --") {
		if i > 0 {
			part = "--" + part
		}
		switch {
		case line == "":
			line = part
		case len(line)+1+len(part)+len(` \`) <= width:
			line += " " + part
		default:
			lines = append(lines, line+` \`)
			line = indent + part
		}
	}
	return append(lines, line)
}

// onScreen cuts a picture to height lines and clears the rest of each line.
func onScreen(picture string, height int) string {
	lines := strings.SplitAfter(picture, "\n")
	if len(lines) > height && height > 0 {
		lines = lines[:height]
		lines[height-1] = strings.TrimSuffix(lines[height-1], "\n")
	}
	return strings.ReplaceAll(strings.Join(lines, ""), "\n", "\x1b[K\n")
}
