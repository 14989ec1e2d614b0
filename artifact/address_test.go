package artifact_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
)

const hello = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

func TestWhereContainersFindThings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ opened, name, want, storage string }{
		{"gs://bucket", hello, "gs://bucket/sha256/2c/" + hello[7:], "GCS"},
		{"gs://bucket", "exchange/0123456789ab", "gs://bucket/exchange/0123456789ab", "GCS"},
		{"gs://bucket?prefix=team/a/", "exchange/0123456789ab/results.json", "gs://bucket/team/a/exchange/0123456789ab/results.json", "GCS"},
		{"gs://bucket?prefix=team-", "a", "gs://bucket/team-a", "GCS"}, // as the driver writes it
		{"gs://bucket/ignored?access_id=me&private_key_path=/key", "a", "gs://bucket/a", "GCS"},
		{"gs://me:secret@bucket", "a", "gs://bucket/a", "GCS"},
		{"s3://bucket?region=eu-west-1&endpoint=minio:9000&prefix=x%2F", hello, "s3://bucket/x/sha256/2c/" + hello[7:], "S3"},
	} {
		s := artifact.NewAt(t, row.opened)
		got, err := s.Address(row.name)
		if err != nil || got != row.want {
			t.Errorf("%s: got %s, %v, want %s", row.opened, got, err, row.want)
		}
		if storage, serr := s.StorageType(); serr != nil || storage != row.storage {
			t.Errorf("%s: got %s, %v, want %s", row.opened, storage, serr, row.storage)
		}
	}
}

// What the address names is what the store reads.
func TestTheAddressOfAFolderIsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s, err := artifact.Open(t.Context(), "file://./my store")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := s.Put(t.Context(), []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	address, err := s.Address(digest)
	if want := "file://" + here + "/my store/sha256/2c/" + hello[7:]; err != nil || address != want {
		t.Fatalf("got %s, %v, want %s", address, err, want)
	}
	if content, rerr := os.ReadFile(strings.TrimPrefix(address, "file://")); rerr != nil || string(content) != "hello" {
		t.Errorf("it holds %q, %v", content, rerr)
	}
	if storage, serr := s.StorageType(); serr != nil || storage != "FILE" {
		t.Errorf("got %s, %v", storage, serr)
	}
}

func TestStoresThatContainersCannotReach(t *testing.T) {
	t.Parallel()
	opened, err := artifact.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]*artifact.Store{
		"mem:// is no address that they could use": opened,
		"its address is not known":                 artifact.New(memblob.OpenBucket(nil)),
	} {
		_, err := s.Address("a")
		wantKind(t, err, rollout.Unsupported)
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set SERIN_ARTIFACTS to") {
			t.Errorf("got %v, want %s and the fix", err, want)
		}
		_, err = s.StorageType()
		wantKind(t, err, rollout.Unsupported)
	}
}

func TestWhatHasNoAddress(t *testing.T) {
	t.Parallel()
	s := artifact.NewAt(t, "gs://bucket")
	for _, name := range []string{
		"", ".", "..", "/etc/passwd", "exchange/../releases", "exchange//x", "exchange/x/", "gs://other/x", "sha256", "sha256/2c",
		"sha256:", strings.ToUpper(hello), hello + "/x",
	} {
		got, err := s.Address(name)
		if err == nil || rollout.KindOf(err) != rollout.Invalid {
			t.Errorf("%q has %s, %v", name, got, err)
		}
	}
}

// Containers write into a folder too. What they leave there gives them nothing of the worker's.
func TestWhatContainersLeaveInAFolder(t *testing.T) {
	t.Parallel()
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	folder := filepath.Join(dir, "exchange", "a")
	link := func(to, name string) error { return os.Symlink(to, filepath.Join(folder, name)) }
	for _, err := range []error{
		os.MkdirAll(filepath.Join(folder, "folder"), 0o700), os.WriteFile(secret, []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(folder, "results.json"), []byte("{}"), 0o600),
		link(secret, "out"), link("../../../secret", "up"), link("loop", "loop"), link("results.json", "within"), link(filepath.Dir(secret), "away"),
		syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := artifact.Open(t.Context(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]rollout.Kind{
		"results.json": "", "within": "", "none": rollout.NotFound, "results.json/x": rollout.NotFound, "folder": rollout.Invalid,
		"out": rollout.Invalid, "up": rollout.Invalid, "loop": rollout.Invalid, "away/secret": rollout.Invalid, "pipe": rollout.Invalid,
		strings.Repeat("x", 300): rollout.Invalid,
	} {
		content, err := s.GetNamed(t.Context(), "exchange/a/"+name)
		if rollout.KindOf(err) != want || err == nil && string(content) != "{}" {
			t.Errorf("%s: got %q, %v, want kind %q", name, content, err, want)
		}
	}
}
