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
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colors without a terminal")
	}
	if after := strings.Join(os.Environ(), "\n"); after != before {
		t.Errorf("the environment is now\n%s\nand was\n%s", after, before)
	}
}

func TestResultThatIsWrong(t *testing.T) {
	t.Parallel()
	good := result{
		Release: "v2", State: rollout.StateSucceeded, SurvivedKill: true,
		Phases: []phaseResult{{"canary-25", 25, 31}, {"stable", 100, 100}},
	}
	if err := good.wrong(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*result){
		"release v2 is FAILED":               func(r *result) { r.State = rollout.StateFailed },
		"2 requests failed":                  func(r *result) { r.Failed = 2 },
		"canary-25 has 34.0% of the":         func(r *result) { r.Phases = []phaseResult{{"canary-25", 25, 34}} },
		"did not go on from where it was":    func(r *result) { r.SurvivedKill = false },
		"canary-50 has 0.0% of the requests": func(r *result) { r.Phases = []phaseResult{{"canary-50", 50, 0}} },
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
