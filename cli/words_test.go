package cli

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"pgregory.net/rapid"
)

func program(t *testing.T) *cli.App {
	t.Helper()
	a := at(t, &fake{}, start())
	a.Env = func(string) string { return "" }
	return a.program()
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	commands := program(t).Commands
	for _, c := range []struct{ words, want string }{
		{"", "apply automation completion lint pipeline plan policy release rollout target version watch"},
		{"r", "release rollout"},
		{"rollout ", "advance approve cancel describe ignore-job list pause redeploy reject resume retry-job rollback terminate-job-run wait watch"},
		{"rollout re", "redeploy reject resume retry-job"},
		{"policy check --action A", "ADVANCE APPROVE"},
		{"rollout list --output ", "json text"},
		{"rollout list -o j", "json"},
		{"rollout list --output=t", "--output=text"},
		{"completion --shell ", "bash fish zsh"},
		{"rollout retry-job --job v", "verify"},
		{"rollout cancel --restore --re", "--reason --release --restore"},
		{"lint --f", "--file"},
		{"lint --file ", ""},
		{"rollout list --pipeline rollout --li", "--limit"},
	} {
		got := candidates(commands, strings.Split(c.words, " "))
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, want %q", c.words, got, c.want)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range choices("shell") {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			script := completionScript(shell)
			golden(t, "completion/"+shell+".txt", script)
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s is not installed here", shell)
			}
			cmd := exec.CommandContext(t.Context(), path, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s does not read the script: %v\n%s", shell, err, out)
			}
		})
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		want   map[string]string
		err    string
	}{
		{nil, nil, ""},
		{[]string{"a=1,b=2", "c="}, map[string]string{"a": "1", "b": "2", "c": ""}, ""},
		{[]string{`a=x\,y=z,b=1`}, map[string]string{"a": "x,y=z", "b": "1"}, ""},
		{[]string{"a=b=c"}, map[string]string{"a": "b=c"}, ""},
		{[]string{"a=1", "a=1"}, map[string]string{"a": "1"}, ""},
		{[]string{"a=1,a=2"}, nil, `--images a: given twice, as "1" and as "2"`},
		{[]string{"a=1,2"}, nil, `--images "2": write name=value (a comma inside a value is written \,)`},
		{[]string{"=1"}, nil, `--images "=1": write name=value (a comma inside a value is written \,)`},
	} {
		got, err := pairs("images", c.values)
		if text := fmt.Sprint(err); (err != nil || c.err != "") && text != c.err {
			t.Errorf("%q: got error %s, want %s", c.values, text, c.err)
		}
		if err == nil && !maps.Equal(got, c.want) {
			t.Errorf("%q: got %v, want %v", c.values, got, c.want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Second: "0s", 400 * time.Millisecond: "0s", 59600 * time.Millisecond: "1m",
		45 * time.Second: "45s", 90 * time.Second: "1m30s", time.Hour: "1h", time.Hour + 30*time.Second: "1h",
		3*time.Hour + 5*time.Minute: "3h5m", 76 * time.Hour: "3d4h", 72*time.Hour + time.Minute: "3d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s): got %s, want %s", d, got, want)
		}
	}
}

// What is copied from the screen is the command, however narrow the screen is.
func TestWrapCommandKeepsTheWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`--[a-z]{1,10} [a-z0-9-]{1,30}`), 0, 8).Draw(t, "flags")
		command := strings.Join(append([]string{"serin rollout advance"}, words...), " ")
		lines := wrapCommand(command, rapid.IntRange(20, 120).Draw(t, "width"))
		joined := strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(lines, "\n"), "\\\n", " ")), " ")
		if joined != command {
			t.Errorf("got %q, want %q", joined, command)
		}
	})
}

func TestWrapStaysInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, width := rapid.String().Draw(t, "text"), rapid.IntRange(10, 80).Draw(t, "width")
		for _, l := range append(wrap(s, width), fit(s, width)) {
			if n := columns(l); n > width {
				t.Errorf("%q has %d columns, want at most %d", l, n, width)
			}
		}
	})
}

// The reference in docs is what the commands say of themselves.
func TestReference(t *testing.T) {
	t.Parallel()
	const path = "../docs/cli.md"
	got := reference(program(t))
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date: go test ./cli -update", path)
	}
}

// Each command that does something explains itself, with examples that are real
// command lines.
func TestHelp(t *testing.T) {
	t.Parallel()
	var walk func(path string, c *cli.Command)
	walk = func(path string, c *cli.Command) {
		if len(c.Subcommands) > 0 {
			for _, sub := range c.Subcommands {
				walk(path+" "+c.Name, sub)
			}
			return
		}
		full := path + " " + c.Name
		if _, examples, ok := strings.Cut(c.Description, "Examples:\n"); !ok || !strings.Contains(examples, full) {
			t.Errorf("%s has no example", full)
		}
		for _, f := range c.Flags {
			if u, ok := f.(cli.DocGenerationFlag); ok && u.GetUsage() == "" {
				t.Errorf("%s --%s has no usage", full, f.Names()[0])
			}
		}
	}
	for _, c := range program(t).Commands {
		walk("serin", c)
	}
}
