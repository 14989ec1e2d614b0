package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// command is one command line and the Serin it meets.
type command struct {
	name  string
	args  string // words; a word cannot hold a space
	in    string
	env   map[string]string
	serin *fake
	now   time.Time // start() when zero
	asks  bool      // on a terminal, where in answers
	down  error     // of dialing
}

func (c command) run(t *testing.T) string {
	t.Helper()
	f := c.serin
	if f == nil {
		f = &fake{}
	}
	now := c.now
	if now.IsZero() {
		now = start()
	}
	a := at(t, f, now)
	if c.down != nil {
		a.dial = func(context.Context, client.Options, client.Store) (*server, error) { return nil, c.down }
	}
	var out, errs bytes.Buffer
	a.Streams = Streams{
		In: strings.NewReader(c.in), Out: &out, Err: &errs,
		Env: func(name string) string { return c.env[name] }, Asks: c.asks,
	}
	code := a.run(t.Context(), append([]string{"serin"}, strings.Fields(c.args)...))
	report := fmt.Sprintf("serin %s\nexit %d\n---- stdout\n%s---- stderr\n%s", c.args, code, out.String(), errs.String())
	if len(f.sent) > 0 {
		report += "---- sent\n" + strings.TrimSuffix(strings.Join(f.sent, "\n"), "\n") + "\n"
	}
	return report
}

// golden compares got with a file under testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func check(t *testing.T, rows []command) {
	t.Helper()
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			golden(t, filepath.Join("commands", c.name+".txt"), c.run(t))
		})
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	check(t, []command{
		{name: "unknown-command", args: "rolout list"},
		{name: "unknown-verb", args: "rollout advence"},
		{name: "missing-verb", args: "release"},
		{name: "help-command", args: "rollout help"},
		{name: "version-flag", args: "--version"},
		{name: "stray-argument", args: "rollout advance prod"},
		{name: "stray-flag-name", args: "rollout advance --pipeline shop phase"},
		{name: "unknown-flag", args: "lint --fil x"},
		{name: "unknown-flag-json", args: "lint --fil x --output json"},
		{name: "missing-flags", args: "release create --source ."},
		{name: "unknown-choice", args: "rollout list --output yaml"},
		{name: "no-value", args: "rollout list --pipeline"},
		{name: "both-selections", args: "rollout describe --pipeline shop --rollout v2-to-prod-0001 --target prod"},
		{name: "no-selection", args: "rollout describe --pipeline shop --release v2"},
		{name: "half-a-job", args: "rollout retry-job --pipeline shop --rollout v2-to-prod-0001 --job deploy"},
		{name: "bad-pair", args: "release create --pipeline shop --release v2 --source testdata/shop/source --images app"},
		{name: "no-folder", args: "release create --pipeline shop --release v2 --source testdata/none"},
		{name: "no-file", args: "lint --file testdata/none.yaml --output json"},
		{name: "no-yaml", args: "lint --file testdata/empty"},
	})
}

func TestOffline(t *testing.T) {
	t.Parallel()
	down := errors.New("an offline command must not dial")
	const source = "plan --file testdata/shop --pipeline shop --release v2 --source testdata/shop/source "
	check(t, []command{
		{name: "lint", args: "lint --file testdata/shop", down: down},
		{name: "lint-problems", args: "lint --file testdata/broken.yaml", down: down},
		{name: "lint-problems-json", args: "lint --file testdata/broken.yaml --output json", down: down},
		{name: "lint-stdin", args: "lint --file - --file testdata/shop", in: "kind: Pipeline\n", down: down},
		{name: "lint-together", args: "lint --file testdata/no-target.yaml", down: down},
		{name: "plan", args: source + "--images app=reg.example/app:v2 --parameters greeting=hi", down: down},
		{name: "plan-json", args: source + "--images app=reg.example/app:v2 --output json", down: down},
		{name: "plan-diff", args: "plan --file testdata/profiles --pipeline shop --release v2 --source testdata/profiles/source", down: down},
		{name: "plan-target", args: source + "--target staging", down: down},
		{name: "plan-images", args: source + "--images web=reg.example/app:v2", down: down},
		{name: "plan-pipeline", args: "plan --file testdata/shop --pipeline stop --release v2 --source testdata/shop/source", down: down},
		{name: "plan-broken", args: "plan --file testdata/broken.yaml --pipeline shop --release v2 --source testdata/shop/source", down: down},
	})
}

func TestPlanLive(t *testing.T) {
	t.Parallel()
	const args = "plan --file testdata/shop --pipeline shop --release v2 --source testdata/shop/source --live"
	serving := rollout.Observed{Exists: true, Split: rollout.Split{{Revision: "shop-1", Percent: 100}}, URL: "https://shop.example"}
	record := rollout.Record{
		Rollout: "v1-to-prod-0001", Release: "v1", State: rollout.StateSucceeded, Revision: "shop-1",
		Mark: rollout.Mark{Split: serving.Split},
	}
	lane := rollout.LaneStatus{Pipeline: "shop", Target: "prod", Succeeded: []rollout.Record{record}, Last: &record}
	held := lane
	held.Holder = "v1-to-prod-0002"
	shifted := serving
	shifted.Split = rollout.Split{{Revision: "shop-1", Percent: 75}, {Revision: "shop-2", Percent: 25}}
	moved := serving
	moved.Split, moved.By = rollout.Split{{Revision: "shop-0", Percent: 100}}, "eve@shop.example"
	check(t, []command{
		{name: "live-first", args: args, serin: &fake{observed: serving}},
		{name: "live-nothing", args: args, serin: &fake{}},
		{name: "live-next", args: args, serin: &fake{observed: serving, lane: lane}},
		{name: "live-held", args: args, serin: &fake{observed: shifted, lane: held}},
		{name: "live-drift", args: args, serin: &fake{observed: moved, lane: lane}},
		{name: "live-json", args: args + " --output json", serin: &fake{observed: moved, lane: lane}},
		{name: "live-denied", args: args, serin: &fake{err: &rollout.Error{
			Op: "observe", On: "prod", Kind: rollout.Denied, Err: errors.New("no permission"),
		}}},
	})
}

func TestHelpText(t *testing.T) {
	t.Parallel()
	check(t, []command{
		{name: "help", args: "--help"},
		{name: "help-nothing", args: ""},
		{name: "help-group", args: "rollout --help"},
		{name: "help-verb", args: "rollout wait -h"},
	})
}

func TestApply(t *testing.T) {
	t.Parallel()
	serin := func() *fake {
		return &fake{applied: rollout.ApplyResult{
			Created:   []rollout.Entry{{Kind: "DeliveryPipeline", Name: "shop"}},
			Unchanged: []rollout.Entry{{Kind: "Target", Name: "prod"}},
			Warnings:  []string{"pipeline shop: target staging does not exist"},
		}}
	}
	check(t, []command{
		{name: "apply", args: "apply --file testdata/shop", serin: serin(), env: map[string]string{"USER": "ada"}},
		{name: "apply-json", args: "apply --file testdata/shop --by eve --output json", serin: serin()},
		{name: "apply-broken", args: "apply --file testdata/broken.yaml", serin: serin()},
		{name: "unreachable", args: "apply --file testdata/shop", down: &rollout.Error{
			Op: "connect to Temporal", On: "at 127.0.0.1:7233", Kind: rollout.Unreachable, Err: errors.New("connection refused"),
		}},
	})
}
