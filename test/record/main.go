// Command record takes rollouts along every path they can go and writes the
// histories of the workflows, one file each. A release keeps them in
// workflows/testdata/histories/<version>, where every later change of the
// workflows is replayed against them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

const (
	// limit bounds the recording: a path that gets stuck is an error.
	limit = 8 * time.Minute
	// atOnce is how many paths are recorded at the same time.
	atOnce = 8
)

func main() {
	out := flag.String("out", "", "write the histories to `FOLDER`, whose *.json are replaced")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out); err != nil {
		fmt.Fprintf(os.Stderr, "record: %v\n", err)
		os.Exit(1)
	}
}

// run writes nothing unless every path went as it should.
func run(ctx context.Context, out string) (err error) {
	if out == "" {
		return errors.New("say where to with -out")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err = os.Setenv(secret, "whsec_c2VyaW4="); err != nil {
		return err
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err = s.configuration(ctx); err != nil {
		return fmt.Errorf("path config: %w", err)
	}
	if err = s.record(ctx, paths()); err != nil {
		return err
	}
	return s.files.write(out)
}

// record plays the paths and collects their histories.
func (s *site) record(ctx context.Context, all []path) error {
	ended := make(chan error, len(all))
	turns := make(chan struct{}, atOnce)
	for _, p := range all {
		go func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			err := s.play(ctx, p)
			if err != nil {
				err = fmt.Errorf("path %s: %w", p.name, err)
			}
			ended <- err
		}()
	}
	var problems error
	for range all {
		problems = errors.Join(problems, <-ended)
	}
	return problems
}

// write replaces the histories in a folder.
func (f *files) write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for file, content := range f.content {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
