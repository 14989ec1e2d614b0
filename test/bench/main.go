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
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// limit bounds the whole run, most of which is compiling on an empty cache.
const limit = 45 * time.Minute

func main() {
	var o options
	flag.StringVar(&o.out, "out", "", "write the numbers to `FILE` as JSON")
	flag.StringVar(&o.root, "root", "..", "the repository, whose programs are built and measured")
	flag.StringVar(&o.only, "only", "", "measure only these `GROUPS`, separated by commas: "+names(groups()))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type options struct{ out, root, only string }

// group is what is measured together.
type group struct {
	name    string // by which it is chosen
	measure func(ctx context.Context, p *programs) ([]row, error)
}

func groups() []group {
	return []group{
		{"cloudrun", inWorld(func(ctx context.Context, w *world.World) ([]row, error) {
			return releases(ctx, w, measuredReleases)
		})},
		{"command", inWorld(answer)},
		{"parallel", inWorld(parallel)},
		{"worker", func(ctx context.Context, p *programs) (rows []row, err error) {
			w, err := world.Start(ctx)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			idle, err := p.idleWorker(ctx, w.Environment())
			return []row{idle}, err
		}},
		{"waiting", waitingWorker},
		{"cli", func(ctx context.Context, p *programs) ([]row, error) {
			lint, err := p.lint(ctx)
			if err != nil {
				return nil, err
			}
			help, err := p.help(ctx)
			return []row{lint, help}, err
		}},
		{"analysis", inWorld(analysisRows)},
		{"judge", judgeRows},
		{"kubernetes", clusterRows},
	}
}

func names(all []group) string {
	var out []string
	for _, g := range all {
		out = append(out, g.name)
	}
	return strings.Join(out, ", ")
}

// run measures the groups that are chosen, separated by commas; "" is all of them.
func run(ctx context.Context, o options, w io.Writer) (err error) {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	chosen := groups()
	if o.only != "" {
		chosen = slices.DeleteFunc(chosen, func(g group) bool { return !slices.Contains(strings.Split(o.only, ","), g.name) })
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-only %s chooses nothing: the groups are %s", o.only, names(groups()))
	}
	p, err := build(ctx, o.root)
	if err != nil {
		return err
	}
	p.says = w
	defer func() { err = errors.Join(err, p.remove()) }()
	var rows []row
	for _, g := range chosen {
		more, failed := g.measure(ctx, p)
		if failed != nil {
			return fmt.Errorf("%s: %w", g.name, failed)
		}
		rows = append(rows, more...)
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	if o.out != "" {
		if err := write(o.out, rows); err != nil {
			return err
		}
	}
	return wrongCounts(rows)
}

// inWorld measures what needs a Temporal server, a worker and a Cloud Run.
func inWorld(measure func(context.Context, *world.World) ([]row, error)) func(context.Context, *programs) ([]row, error) {
	return func(ctx context.Context, _ *programs) (rows []row, err error) {
		w, err := world.Start(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		stop, err := w.Worker(rollout.DefaultTaskQueue)
		if err != nil {
			return nil, err
		}
		defer stop()
		return measure(ctx, w)
	}
}
