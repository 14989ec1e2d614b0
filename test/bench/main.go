// Command bench measures Serin on this machine against the targets it promises: it
// prints a table and writes the numbers as JSON.
//
// A time that misses its target is printed as MISSED and fails nothing, because
// another machine is another time. A count that misses its target ends with 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// limit bounds the whole run, most of which is compiling on an empty cache.
const limit = 45 * time.Minute

func main() {
	out := flag.String("out", "", "write the numbers to `FILE` as JSON")
	root := flag.String("root", "..", "the repository, whose programs are built and measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *out, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, out string, w io.Writer) (err error) {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	p, err := build(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	rows, err := inWorld(ctx, p)
	if err != nil {
		return err
	}
	for _, measure := range []func(context.Context) (row, error){p.lint, p.help} {
		r, err := measure(ctx)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	more, failed := clusterRows(ctx, root, w)
	if failed != nil {
		return failed
	}
	rows = append(rows, more...)
	if err := printTable(w, rows); err != nil {
		return err
	}
	if out != "" {
		if err := write(out, rows); err != nil {
			return err
		}
	}
	return wrongCounts(rows)
}

// inWorld measures what needs a Temporal server and a Cloud Run.
func inWorld(ctx context.Context, p *programs) (rows []row, err error) {
	w, err := world.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		return nil, err
	}
	rows, err = releases(ctx, w, measuredReleases)
	stop()
	if err != nil {
		return nil, err
	}
	idle, err := p.idleWorker(ctx, w.Environment())
	return append(rows, idle), err
}
