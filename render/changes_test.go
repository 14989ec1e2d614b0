package render_test

import (
	"testing"

	"github.com/serin-dev/serin/render"
)

func TestChangesShowNoSecret(t *testing.T) {
	t.Parallel()
	manifest := func(kind, a, b, plain string) render.Manifest {
		m, err := render.Parse([]byte("apiVersion: v1\nkind: " + kind + "\nmetadata:\n  name: a\ndata:\n  a: " + a + " # " + a + "\n  b: " + b +
			"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  a: " + plain + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name          string
		before, after render.Manifest
		want          string
	}{
		{"nothing", manifest("Secret", "x", "y", "z"), manifest("Secret", "x", "y", "z"), ""},
		{
			"a value", manifest("Secret", "x", "y", "z"), manifest("Secret", "x", "other", "z"),
			"@@ -4,7 +4,7 @@\n   name: a\n data:\n   a: \"***\"\n-  b: \"*** (before)\"\n+  b: \"*** (after)\"\n ---\n apiVersion: v1\n kind: ConfigMap\n",
		},
		{
			"something else", manifest("Secret", "x", "y", "z"), manifest("Secret", "x", "y", "other"),
			"@@ -11,4 +11,4 @@\n metadata:\n   name: b\n data:\n-  a: z\n+  a: other\n",
		},
		{
			"no Secret", manifest("Config", "x", "y", "z"), manifest("Config", "x", "other", "z"),
			"@@ -4,7 +4,7 @@\n   name: a\n data:\n   a: x # x\n-  b: y\n+  b: other\n ---\n apiVersion: v1\n kind: ConfigMap\n",
		},
	} {
		if got := render.Changes(c.before, c.after); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
