package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
)

// stores opens one store per kind of bucket a test can have without a network.
func stores(t *testing.T, opts ...artifact.Option) map[string]*artifact.Store {
	t.Helper()
	dir, err := artifact.Open(t.Context(), "file://"+t.TempDir(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]*artifact.Store{"file": dir, "mem": artifact.New(memblob.OpenBucket(nil), opts...)}
	t.Cleanup(func() {
		for name, s := range m {
			if err := s.Close(); err != nil {
				t.Errorf("%s: close: %v", name, err)
			}
		}
	})
	return m
}

func wantKind(t *testing.T, err error, kind rollout.Kind) {
	t.Helper()
	if err == nil || rollout.KindOf(err) != kind {
		t.Fatalf("got error %v of kind %q, want kind %q", err, rollout.KindOf(err), kind)
	}
}

func TestPutAndGet(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t, artifact.WithMaxBytes(100)) {
		t.Run(name, func(t *testing.T) {
			content := []byte("hello")
			for range 2 { // the same content twice is one object
				digest, err := s.Put(t.Context(), content)
				if err != nil {
					t.Fatal(err)
				}
				if want := "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; digest != want {
					t.Fatalf("digest %s, want %s", digest, want)
				}
				got, err := s.Get(t.Context(), digest)
				if err != nil || !bytes.Equal(got, content) {
					t.Fatalf("got %q, %v", got, err)
				}
			}
			empty, err := s.Put(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), empty); err != nil || len(got) != 0 {
				t.Fatalf("empty content came back as %q, %v", got, err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t, artifact.WithMaxBytes(10)) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			_, err := s.Put(ctx, make([]byte, 11))
			wantKind(t, err, rollout.Invalid)
			wantKind(t, s.PutNamed(ctx, "a", make([]byte, 11)), rollout.Invalid)
			_, err = s.Get(ctx, artifact.Digest([]byte("never stored")))
			wantKind(t, err, rollout.NotFound)
			_, err = s.GetNamed(ctx, "releases/none.json")
			wantKind(t, err, rollout.NotFound)
			for _, digest := range []string{"", "sha256:", "sha256:../../etc/passwd", "md5:00", strings.ToUpper(artifact.Digest(nil))} {
				_, err = s.Get(ctx, digest)
				wantKind(t, err, rollout.Invalid)
			}
			for _, bad := range []string{"", ".", "..", "/a", "a/", "a//b", "a/../b", "sha256/aa/x", "a b", "a\x00", "a/.b", "x.attrs", "ä"} {
				wantKind(t, s.PutNamed(ctx, bad, nil), rollout.Invalid)
				_, err = s.GetNamed(ctx, bad)
				wantKind(t, err, rollout.Invalid)
			}
		})
	}
}

func TestANameIsGivenOnce(t *testing.T) {
	t.Parallel()
	for kind, s := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			const name = "releases/checkout/v41.json"
			for range 2 {
				if err := s.PutNamed(t.Context(), name, []byte("one")); err != nil {
					t.Fatal(err)
				}
			}
			wantKind(t, s.PutNamed(t.Context(), name, []byte("two")), rollout.Conflict)
			if got, err := s.GetNamed(t.Context(), name); err != nil || string(got) != "one" {
				t.Fatalf("got %q, %v, want the first content", got, err)
			}
		})
	}
}

// race puts n different contents under one name at once and returns the winners.
func race(t *testing.T, n int, put func(i int, content []byte) error) []int {
	t.Helper()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		winners []int
		start   = make(chan struct{})
	)
	for i := range n {
		wg.Go(func() {
			<-start
			err := put(i, fmt.Appendf(nil, "content %d", i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners = append(winners, i)
			case rollout.KindOf(err) != rollout.Conflict:
				t.Errorf("writer %d: %v, want a conflict", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	return winners
}

func TestOfManyWritersOneWins(t *testing.T) {
	t.Parallel()
	for kind, s := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			for round := range 20 {
				name := fmt.Sprintf("releases/checkout/v%d.json", round)
				winners := race(t, 50, func(_ int, content []byte) error {
					return s.PutNamed(t.Context(), name, content)
				})
				if len(winners) != 1 {
					t.Fatalf("round %d: writers %v all believe that they were first", round, winners)
				}
				got, err := s.GetNamed(t.Context(), name)
				if want := fmt.Sprintf("content %d", winners[0]); err != nil || string(got) != want {
					t.Fatalf("round %d: the name holds %q, %v, want the winner's %q", round, got, err, want)
				}
			}
		})
	}
}

// Several stores on one directory stand for several processes: they share
// nothing but the file system.
func TestOfManyProcessesOneWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := make([]*artifact.Store, 50)
	for i := range open {
		s, err := artifact.Open(t.Context(), "file://"+dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		open[i] = s
	}
	winners := race(t, len(open), func(i int, content []byte) error {
		return open[i].PutNamed(t.Context(), "releases/a/b.json", content)
	})
	if len(winners) != 1 {
		t.Fatalf("stores %v all believe that they were first", winners)
	}
	for _, name := range files(t, dir) {
		if name != "releases/a/b.json" {
			t.Errorf("%s was left behind", name)
		}
	}
}

func TestDamageIsSeenAndHealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := artifact.Open(t.Context(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := s.Put(t.Context(), []byte("whole"))
	if err != nil {
		t.Fatal(err)
	}
	stored := files(t, dir)
	if len(stored) != 1 {
		t.Fatalf("one object is the files %v, want one file", stored)
	}
	if err = os.WriteFile(filepath.Join(dir, stored[0]), []byte("whol3"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), digest)
	wantKind(t, err, rollout.Corrupt)
	if !strings.Contains(err.Error(), stored[0]) {
		t.Errorf("%q does not name the object %s", err, stored[0])
	}
	if _, err = s.Put(t.Context(), []byte("whole")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), digest); err != nil || string(got) != "whole" {
		t.Fatalf("after putting it again: %q, %v", got, err)
	}
}

func TestCancelledWritesLeaveNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := artifact.Open(t.Context(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = s.Put(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v, want the cancellation", err)
	}
	if err = s.PutNamed(ctx, "a", []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("put named: %v, want the cancellation", err)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("files %v were left behind", left)
	}
}

// files lists the regular files below dir, as slash paths.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
