package model

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/test/world"
	"github.com/serin-dev/serin/worker"
)

// shards run side by side, each with sequences of its own.
const shards = 8

// TestMain makes rapid write no files, and draw as many sequences as SERIN_MODEL_SEQUENCES says, 20,000 if it
// says nothing.
func TestMain(m *testing.M) {
	if os.Getenv(world.WorkerVariable) == "1" { // a worker that a test kills
		if code := worker.Main(context.Background(), os.Getenv, os.Stderr); code != 0 {
			log.Fatalf("worker ended with %d", code)
		}
		return
	}
	flag.Parse()
	total := 20_000
	if n, err := strconv.Atoi(os.Getenv("SERIN_MODEL_SEQUENCES")); err == nil {
		total = n
	}
	if testing.Short() {
		total = min(total, 1000)
	}
	for name, value := range map[string]string{"rapid.nofailfile": "true", "test.parallel": "16", "rapid.checks": strconv.Itoa((total + shards - 1) / shards)} {
		if set := flag.Lookup(name); set != nil {
			if err := flag.Set(name, value); err != nil {
				log.Fatal(err)
			}
		}
	}
	debug.SetGCPercent(400) // it makes little that stays
	m.Run()                 // its result is the exit code
}

// TestSequences does what people, automations, platforms and crashes may do, in any order, to the code and to
// the model, and compares them after each step.
func TestSequences(t *testing.T) {
	t.Parallel()
	var played atomic.Int64
	t.Cleanup(func() { t.Logf("%d sequences", played.Load()) })
	for shard := range shards {
		t.Run(fmt.Sprintf("shard-%d", shard+1), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				site := drawSite(rt)
				ops := drawOps(rt, site)
				if what := play(t, site, ops); what != "" {
					rt.Fatalf("%s\n%s", literal(site, ops), what)
				}
				played.Add(1)
			})
		})
	}
}
