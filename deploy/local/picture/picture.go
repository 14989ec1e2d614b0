package main

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ellipsis stands for lines that the picture leaves out.
const ellipsis = "…"

// abridge keeps the second and the third release, without what `release create`
// prints and without the JSON.
func abridge(printed string) ([]string, error) {
	_, rest, found := strings.Cut(printed, "\n2. ")
	if !found {
		return nil, errors.New("the demo's second release is not in the input")
	}
	var out []string
	skipping := false
	for line := range strings.Lines("2. " + rest) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "{") {
			break
		}
		if skipping && !strings.HasPrefix(line, "  ") {
			continue
		}
		skipping = strings.HasPrefix(line, "$ serin release create")
		if out = append(out, line); skipping {
			out = append(out, ellipsis)
		}
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out, nil
}

// The picture's measures, in pixels.
const (
	cellWidth  = 8
	lineHeight = 19
	fontSize   = 13
	margin     = 20
	titleBar   = 34
)

// The picture's colors.
const (
	paper   = "#10151c"
	bar     = "#1b232e"
	plain   = "#c9d3df"
	strong  = "#ffffff"
	faint   = "#6c7a89"
	good    = "#4cc38a"
	warning = "#f2a65a"
	empty   = "#2a3542"
)

// run of text in one color.
type segment struct {
	text, color string
	bold        bool
}

// draw returns the SVG.
func draw(lines []string) string {
	columns := 0
	for _, l := range lines {
		columns = max(columns, utf8.RuneCountInString(l))
	}
	width, height := 2*margin+columns*cellWidth, titleBar+2*margin+len(lines)*lineHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", width, height)
	b.WriteString("<title>A canary release: the traffic shifts from 25 to 50 to 75 percent to stable, and the worker is killed on the way</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="10" fill="%s"/>`+"\n", width, height, paper)
	fmt.Fprintf(&b, `<path d="M0 %d V10 A10 10 0 0 1 10 0 H%d A10 10 0 0 1 %d 10 V%[1]d Z" fill="%[4]s"/>`+"\n", titleBar, width-10, width, bar)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="6" fill="%s"/>`+"\n", margin+20*i, titleBar/2, color)
	}
	fmt.Fprintf(&b, `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace" font-size="%d" xml:space="preserve">`+"\n", fontSize)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="%s">make demo</text>`+"\n", width/2, titleBar/2+4, faint)
	for i, l := range lines {
		drawLine(&b, l, titleBar+margin+i*lineHeight)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// drawLine draws one line whose upper edge is y. Each run of text has its own place
// and length, so that columns stay columns in every font.
func drawLine(b *strings.Builder, line string, y int) {
	column := 0
	for _, s := range segments(line) {
		n := utf8.RuneCountInString(s.text)
		x, text := margin+column*cellWidth, strings.TrimRight(s.text, " ")
		column += n
		lead := utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " "))
		x, text = x+lead*cellWidth, strings.TrimLeft(text, " ")
		switch {
		case text == "":
		case strings.Trim(text, "█░") == "":
			drawBar(b, text, x, y)
		default:
			weight := ""
			if s.bold {
				weight = ` font-weight="bold"`
			}
			fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d" fill="%s"%s>%s</text>`+"\n",
				x, y+lineHeight-5, utf8.RuneCountInString(text)*cellWidth, s.color, weight, html.EscapeString(text))
		}
	}
}

func drawBar(b *strings.Builder, text string, x, y int) {
	all, full := utf8.RuneCountInString(text)*cellWidth, strings.Count(text, "█")*cellWidth
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="%s"/>`+"\n", x, y+4, all, lineHeight-8, empty)
	if full > 0 {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="%s"/>`+"\n", x, y+4, full, lineHeight-8, good)
	}
}

// segments colors a line as a terminal would.
func segments(line string) []segment {
	switch {
	case line == ellipsis:
		return []segment{{text: line, color: faint}}
	case strings.HasPrefix(line, "$ kill"):
		return []segment{{text: "$ ", color: faint}, {text: line[2:], color: warning, bold: true}}
	case strings.HasPrefix(line, "$ "):
		return []segment{{text: "$ ", color: faint}, {text: line[2:], color: strong, bold: true}}
	case !strings.HasPrefix(line, " "):
		return []segment{{text: line, color: strong, bold: true}}
	case strings.HasPrefix(line, "  PHASE"):
		return []segment{{text: line, color: faint}}
	}
	var out []segment
	special := regexp.MustCompile(`[█░]+|SUCCEEDED|\b0 failed`)
	at := 0
	for _, m := range special.FindAllStringIndex(line, -1) {
		out = append(out, segment{text: line[at:m[0]], color: plain}, segment{text: line[m[0]:m[1]], color: good})
		at = m[1]
	}
	return append(out, segment{text: line[at:], color: plain})
}
