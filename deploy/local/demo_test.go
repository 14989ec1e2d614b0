package main

import (
	"encoding/json"
	"flag"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	serin "github.com/serin-dev/serin/cli"
	"github.com/serin-dev/serin/rollout"
)

var update = flag.Bool("update", false, "write the golden files")

// The port of the emulator is taken, as by an up that runs.
func TestDemo(t *testing.T) {
	if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:8085"); err == nil {
		defer l.Close()
	}
	before := strings.Join(os.Environ(), "\n")
	var out strings.Builder
	errs := &tail{}
	code := run(t.Context(), []string{"serin-local", "demo"}, serin.Streams{In: strings.NewReader(""), Out: &out, Err: errs})
	t.Log(out.String())
	if code != 0 || errs.String() != "" {
		t.Fatalf("exit code %d, stderr:\n%s", code, errs)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	var r result
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		t.Fatalf("the last line: %v", err)
	}
	if r.Release != "v2" || r.State != rollout.StateSucceeded || r.Failed != 0 || !r.SurvivedKill {
		t.Errorf("got %+v", r)
	}
	if r.Requests < 4*enough || !strings.HasPrefix(r.WebUI, "http://127.0.0.1:") {
		t.Errorf("got %+v", r)
	}
	want := []phaseResult{{"canary-25", 25, 25}, {"canary-50", 50, 50}, {"canary-75", 75, 75}, {"stable", 100, 100}}
	if len(r.Phases) != len(want) {
		t.Fatalf("phases %+v, want %+v", r.Phases, want)
	}
	for i, p := range r.Phases {
		if w := want[i]; p.ID != w.ID || p.Weight != w.Weight || math.Abs(p.Observed-w.Observed) > 8 {
			t.Errorf("phase %+v, want %+v", p, w)
		}
	}
	secondAct(t, r)
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colors without a terminal")
	}
	if after := strings.Join(os.Environ(), "\n"); after != before {
		t.Errorf("the environment is now\n%s\nand was\n%s", after, before)
	}
}

// secondAct wants both bad releases off the traffic, and the good one through its outage.
func secondAct(t *testing.T, r result) {
	t.Helper()
	if len(r.PutBack) != 2 || r.PutBack[0].Queries > 2 || r.PutBack[1].Queries > 2 || r.PutBack[0].After+r.PutBack[1].After > 0 {
		t.Errorf("what was put back: %+v", r.PutBack)
	}
	if r.Outage.Seconds < 10 || r.Outage.Weight != 25 || r.Outage.Moves > 0 || r.Outage.Failed > 0 {
		t.Errorf("the outage: %+v", r.Outage)
	}
}

func TestResultThatIsWrong(t *testing.T) {
	t.Parallel()
	good := result{
		Release: "v2", State: rollout.StateSucceeded, SurvivedKill: true,
		Phases:  []phaseResult{{"canary-25", 25, 31}, {"stable", 100, 100}},
		PutBack: []putBack{{Release: "v4", State: rollout.StateFailed, Seconds: 3.9, Queries: 1.95, Bad: 7}},
		Outage:  outage{Release: "v6", State: rollout.StateSucceeded, Weight: 25},
	}
	if err := good.wrong(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*result){
		"release v2 is FAILED":                   func(r *result) { r.State = rollout.StateFailed },
		"2 requests failed":                      func(r *result) { r.Failed = 2 },
		"canary-25 has 34.0% of the":             func(r *result) { r.Phases = []phaseResult{{"canary-25", 25, 34}} },
		"did not go on from where it was":        func(r *result) { r.SurvivedKill = false },
		"release v4 is SUCCEEDED, want it found": func(r *result) { r.PutBack = []putBack{{Release: "v4", State: rollout.StateSucceeded}} },
		"off the traffic 4.2 s after its first": func(r *result) {
			r.PutBack = []putBack{{Release: "v4", State: rollout.StateFailed, Seconds: 4.2, Queries: 2.1, Bad: 7}}
		},
		"gave 7 bad answers before weight 0 and 1": func(r *result) {
			r.PutBack = []putBack{{Release: "v4", State: rollout.StateFailed, Seconds: 1, Queries: 0.5, Bad: 7, After: 1}}
		},
		"the traffic of v6 moved 1 times to 25%": func(r *result) { r.Outage.Moves = 1 },
		"release v6 is FAILED":                   func(r *result) { r.Outage.State = rollout.StateFailed },
		"canary-50 has 0.0% of the requests":     func(r *result) { r.Phases = []phaseResult{{"canary-50", 50, 0}} },
	} {
		bad := good
		spoil(&bad)
		if err := bad.wrong(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestExampleIsFoundFromAnyFolderOfTheCheckout(t *testing.T) {
	t.Chdir("embedded")
	dir, err := findExample("")
	if err != nil || filepath.Base(dir) != "cloudrun" {
		t.Errorf("got %q, %v", dir, err)
	}
	t.Chdir(t.TempDir())
	if dir, err := findExample(""); err == nil || !strings.Contains(err.Error(), "--example") {
		t.Errorf("got %q, %v", dir, err)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"serin-local", "up", "demo", "worker"} {
		args := []string{"serin-local", command, "--help"}
		if command == "serin-local" {
			args = args[:1]
		}
		var out, errs strings.Builder
		if code := run(t.Context(), args, serin.Streams{Out: &out, Err: &errs}); code != 0 {
			t.Errorf("%s: exit code %d, stderr %q", command, code, errs.String())
		}
		golden := filepath.Join("testdata", "help", command+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s --help is not %s: run with -update", command, golden)
		}
	}
}
