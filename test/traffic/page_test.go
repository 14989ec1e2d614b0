package traffic_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThePageNamesTestsThatExist: every test that docs/conformance.md names is a row, by its
// literal, or a function of this package.
func TestThePageNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(content)
	}
	// `TestFaults/rows/outage`, and `.../a_cancel` after one that says where that is.
	names := regexp.MustCompile("`(?:Test[A-Za-z]+|\\.\\.\\.)(?:/(?:rows|scenes))?/([A-Za-z_0-9]+)`").FindAllStringSubmatch(string(page), -1)
	if len(names) < 15 {
		t.Fatalf("only %d tests are named: the page or this expression has changed", len(names))
	}
	for _, n := range names {
		if row := strings.ReplaceAll(n[1], "_", " "); !strings.Contains(source.String(), `"`+row+`"`) {
			t.Errorf("%s: no row is called %q", n[0], row)
		}
	}
}
