// Command picture draws what the demo printed as an SVG of a terminal:
//
//	go run . demo | go run ./picture > ../../docs/demo.svg
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	printed, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read what the demo printed: %w", err)
	}
	lines, err := abridge(string(printed))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, draw(lines)); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}
