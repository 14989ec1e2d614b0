package activities_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func TestASecretIsOnlyWhatAConfigurationMayReferTo(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "secrets")
	if err := os.MkdirAll(filepath.Join(folder, "prometheus"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"prometheus/token": "t0ken\n", "../outside": "no", "empty": " \n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SERIN_SECRET_TOKEN": "abc", "AWS_SECRET": "no"}
	s := activities.Secrets{Getenv: func(name string) string { return env[name] }, Folder: folder}
	for _, row := range []struct {
		name string
		ref  rollout.Secret
		want string
		kind rollout.Kind
	}{
		{"a variable", rollout.Secret{Env: "SERIN_SECRET_TOKEN"}, "abc", ""},
		{"a file", rollout.Secret{File: "prometheus/token"}, "t0ken", ""},
		{"another variable of the worker", rollout.Secret{Env: "AWS_SECRET"}, "", rollout.Invalid},
		{"a variable that is not set", rollout.Secret{Env: "SERIN_SECRET_OTHER"}, "", rollout.NotFound},
		{"an empty file", rollout.Secret{File: "empty"}, "", rollout.NotFound},
		{"no file", rollout.Secret{File: "none"}, "", rollout.NotFound},
		{"a file outside", rollout.Secret{File: "../outside"}, "", rollout.Invalid},
		{"a link to the outside", rollout.Secret{File: "link"}, "", rollout.NotFound},
		{"both", rollout.Secret{Env: "SERIN_SECRET_TOKEN", File: "empty"}, "", rollout.Invalid},
		{"neither", rollout.Secret{}, "", rollout.Invalid},
	} {
		got, err := s.Resolve(row.ref)
		if got != row.want || rollout.KindOf(err) != row.kind {
			t.Errorf("%s: %q and %v, want %q and kind %q", row.name, got, err, row.want, row.kind)
		}
		if err != nil && strings.Contains(err.Error(), "abc") {
			t.Errorf("%s: the secret is in the error %v", row.name, err)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	hosts := activities.Hosts{"gate.shop.svc", "load.shop.svc:8080", "*.internal.example"}
	for _, row := range []struct {
		url  string
		kind rollout.Kind
	}{
		{"http://gate.shop.svc/gate/check", ""},
		{"https://gate.shop.svc:8443/", ""},
		{"http://load.shop.svc:8080/", ""},
		{"http://a.internal.example/", ""},
		{"https://shop-abc.run.app/healthz", ""}, // the service itself
		{"http://load.shop.svc:9090/", rollout.Denied},
		{"http://internal.example/", rollout.Denied},
		{"http://internal.example.evil/", rollout.Denied},
		{"http://169.254.169.254/computeMetadata/v1", rollout.Denied},
		{"file:///etc/passwd", rollout.Invalid},
	} {
		u, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := hosts.Allow(u, "https://shop-abc.run.app", ""); rollout.KindOf(err) != row.kind {
			t.Errorf("%s: %v, want kind %q", row.url, err, row.kind)
		}
	}
	if err := activities.Hosts(nil).Allow(&url.URL{Scheme: "http", Host: "a"}); rollout.KindOf(err) != rollout.Denied {
		t.Errorf("no list: %v", err)
	}
}
