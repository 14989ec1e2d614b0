package main

import (
	"bytes"
	"io"
)

// longLine is where a line without an end is cut, in bytes.
const longLine = 64 << 10

// prefixer writes each line with a prefix, in one Write. What cannot be written
// is lost: a child must not die of its parent's terminal.
type prefixer struct {
	prefix string
	out    io.Writer
	rest   []byte // of a line whose end has not come
}

func (p *prefixer) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, found := bytes.Cut(p.rest, []byte("\n"))
		if !found {
			break
		}
		p.line(string(line))
		p.rest = rest
	}
	if len(p.rest) >= longLine {
		p.flush()
	}
	return len(b), nil
}

func (p *prefixer) flush() {
	if len(p.rest) > 0 {
		p.line(string(p.rest))
		p.rest = nil
	}
}

func (p *prefixer) line(text string) {
	_, _ = io.WriteString(p.out, p.prefix+text+"\n")
}
