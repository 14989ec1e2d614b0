package model

import (
	"cmp"
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
)

// shards run side by side, each with sequences of its own.
const shards = 8

// seed makes the sequences of a run the same everywhere, so that a failure is one of the change that shows it.
// SERIN_MODEL_SEED=0 draws others each time: how new ones are looked for.
const seed = "20261122"

// TestMain makes rapid write no files, and draw as many sequences as SERIN_MODEL_SEQUENCES says, 20,000 if it
// says nothing.
func TestMain(m *testing.M) {
	if world.WasWorker() {
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
	for name, value := range map[string]string{"rapid.seed": cmp.Or(os.Getenv("SERIN_MODEL_SEED"), seed), "rapid.nofailfile": "true", "test.parallel": "16", "rapid.checks": strconv.Itoa((total + shards - 1) / shards)} {
		if set := flag.Lookup(name); set != nil {
			if err := flag.Set(name, value); err != nil {
				log.Fatal(err)
			}
		}
	}
	// It makes little that stays; other tests run beside it.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(2 << 30)
	m.Run() // its result is the exit code
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
				for range shard { // one seed for all: each shard goes another way from it
					rapid.Uint64().Draw(rt, "shard")
				}
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
