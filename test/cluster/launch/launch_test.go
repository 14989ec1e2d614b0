package launch

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlagsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"now", `start takes flags only, got ["now"]`},
		{"--kwok-nodes=-1", "--kwok-nodes -1: it is a number of nodes, 0 or more"},
		{"--gateway-delay=-1s", "--gateway-delay -1s: it is a time to wait, 0 or more"},
	} {
		_, err := parse(RoleStart, strings.Fields(test.args), io.Discard)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.args, err, test.want)
		}
	}
}

func TestNothingOfOthersIsWrittenOver(t *testing.T) {
	t.Parallel()
	const foreign = "apiVersion: v1\nkind: Config\nclusters: [{name: production, cluster: {server: https://example.com}}]\n"
	full := t.TempDir()
	config := filepath.Join(full, "config")
	if err := os.WriteFile(config, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		options options
		want    string
	}{
		{"a folder with something in it", options{Dir: full}, "the folder is not empty"},
		{"a kubeconfig of another cluster", options{Dir: t.TempDir(), Kubeconfig: config}, "the file is of another cluster"},
	} {
		if _, err := prepare(&test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if got, err := os.ReadFile(config); err != nil || string(got) != foreign {
		t.Errorf("the kubeconfig is %q, %v", got, err)
	}
}

func TestWhatWasMadeIsRemoved(t *testing.T) {
	t.Parallel()
	var o options
	remove, err := prepare(&o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Kubeconfig, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder %s is still there: %v", o.Dir, err)
	}
}
