package render_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

var update = flag.Bool("update", false, "rewrite the expected part of testdata/*.txt")

// A case is one file: settings ("profile: canary", "parameter: key=value",
// "image: name=ref", "skaffold: path", "some images: true", "runtime: cloudRun",
// "cloud run: true" or "custom"), then the files of the source, each after a line "-- path --", then
// "----" and the manifest with its objects, or the error.
func TestRender(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/*.txt", func(t *testing.T, input string) string {
		t.Helper()
		return run(parse(t, input))
	})
}

// golden compares what get makes of each file's input, up to "----", with the rest of the file.
func golden(t *testing.T, pattern string, get func(t *testing.T, input string) string) {
	t.Helper()
	cases, err := filepath.Glob(pattern)
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(content), "\n----\n")
			got := get(t, input)
			if got == want {
				return
			}
			if !*update {
				t.Fatalf("%s (run with -update to accept):\n%s", name, render.Diff([]byte(want), []byte(got)))
			}
			if err := os.WriteFile(name, []byte(input+"\n----\n"+got), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

type testCase struct {
	files    fstest.MapFS
	skaffold string
	cloudRun string
	request  render.Request
}

func parse(t *testing.T, input string) testCase {
	t.Helper()
	c := testCase{files: fstest.MapFS{}, request: render.Request{Parameters: map[string]string{}, Images: map[string]string{}}}
	var open string
	for line := range strings.Lines(input + "\n") {
		text := strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(text, "-- "); ok && strings.HasSuffix(name, " --") {
			open = strings.TrimSuffix(name, " --")
			c.files[open] = &fstest.MapFile{}
			continue
		}
		if open != "" {
			c.files[open].Data = append(c.files[open].Data, line...)
			continue
		}
		if text != "" && !strings.HasPrefix(text, "#") {
			c.set(t, text)
		}
	}
	return c
}

func (c *testCase) set(t *testing.T, line string) {
	t.Helper()
	name, setting, _ := strings.Cut(line, ": ")
	key, value, _ := strings.Cut(setting, "=")
	switch name {
	case "profile":
		c.request.Profiles = append(c.request.Profiles, setting)
	case "parameter":
		c.request.Parameters[key] = value
	case "image":
		c.request.Images[key] = value
	case "skaffold":
		c.skaffold = setting
	case "some images":
		c.request.SomeImages = setting == "true"
	case "runtime":
		c.request.Runtime = rollout.Runtime(setting)
	case "cloud run":
		c.cloudRun = setting
	default:
		t.Fatalf("unknown setting %q", line)
	}
}

// run renders a case and prints the outcome. Whatever is wrong must be typed.
func run(c testCase) string {
	m, err := open(c.files, c.skaffold, c.request)
	if err != nil {
		var ps render.Problems
		if rollout.KindOf(err) != rollout.Invalid || !errors.As(err, &ps) {
			return fmt.Sprintf("untyped error: %v\n", err)
		}
		return err.Error() + "\n"
	}
	var b strings.Builder
	b.Write(m.Content)
	b.WriteString("----\n")
	for _, o := range m.Objects {
		fmt.Fprintf(&b, "%d %s %s (%s)\n", o.Line, o.APIVersion, o, o.Source)
	}
	if len(m.Unmatched) > 0 {
		fmt.Fprintf(&b, "unmatched %v\n", m.Unmatched)
	}
	if c.cloudRun != "" {
		service, ps := render.CheckCloudRun(m, c.cloudRun == "custom")
		fmt.Fprintf(&b, "service %q\n", service)
		for _, p := range ps {
			fmt.Fprintln(&b, p)
		}
	}
	return b.String()
}

func open(fsys fs.FS, skaffold string, r render.Request) (render.Manifest, error) {
	s, err := render.Open(fsys)
	if skaffold != "" {
		s, err = render.OpenFile(fsys, skaffold)
	}
	if err != nil {
		return render.Manifest{}, err
	}
	return s.Render(r)
}
