package client_test

import (
	"os"
	"strings"
	"testing"
)

// The page shows the example as it compiles.
func TestDocumentedExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "// deliver releases")
	code, _, _ = strings.Cut(code, "\n// memory is")
	if !strings.Contains(string(page), code) {
		t.Errorf("docs/sdk.md shows another example than example_test.go:\n%s", code)
	}
}
