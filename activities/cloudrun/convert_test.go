package cloudrun

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestConvert holds testdata/NAME.txt: a manifest, a line of four hyphens, and the
// service it becomes or the error it is refused with.
func TestConvert(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := bytes.Cut(content, []byte("----\n"))
			if !ok {
				t.Fatalf("%s has no line ----", file)
			}
			got := converted(t, in)
			if strings.Contains(got, "error: ") && strings.Contains(got, "hunter2") {
				t.Errorf("the error tells a value of the manifest: %s", got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(string(in)+"----\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func converted(t *testing.T, in []byte) string {
	t.Helper()
	d, err := convert(in, "projects/acme/locations/europe-west1")
	if err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), "; ", "\n  ") + "\n"
	}
	b, err := json.MarshalIndent(d.service, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// FuzzConvert holds that no manifest makes it panic, and that what it accepts has
// a stable digest.
func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		in, _, _ := bytes.Cut(content, []byte("----\n"))
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := convert(in, "projects/acme/locations/europe-west1")
		if err != nil {
			return
		}
		b, err := convert(in, "projects/acme/locations/europe-west1")
		if err != nil {
			t.Fatal(err)
		}
		x, err := revisionName(a.name, a.service.Template)
		if err != nil {
			t.Fatal(err)
		}
		y, err := revisionName(b.name, b.service.Template)
		if err != nil || x != y {
			t.Errorf("revision is %s, then %s, %v", x, y, err)
		}
	})
}
