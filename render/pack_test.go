package render_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// tree lists the files of fsys with their content.
func tree(t interface {
	Helper()
	Fatal(...any)
}, fsys fs.FS,
) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, name)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Whatever the files are called and hold, they come back, and neither the order
// of a folder nor the times and modes of files show in the archive.
func TestPackDependsOnNamesAndContentOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(
			rapid.StringMatching(`[a-c]{1,3}(/[a-c.]{1,3}x){0,3}`),
			rapid.StringN(0, 50, -1),
		).Draw(t, "files")
		for name := range want { // no file is a folder as well
			for dir := range want {
				if strings.HasPrefix(name, dir+"/") {
					delete(want, dir)
				}
			}
		}
		one, two := fstest.MapFS{}, fstest.MapFS{}
		for name, content := range want {
			one[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o600, ModTime: time.Unix(1, 0)}
			two[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o755}
		}
		a, err := render.Pack(one)
		if err != nil {
			t.Fatal(err)
		}
		b, err := render.Pack(reversed{two})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Fatal("two archives of one tree differ")
		}
		fsys, err := render.Unpack(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := tree(t, fsys); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		var names []string
		for name := range want {
			names = append(names, name)
		}
		if err := fstest.TestFS(fsys, names...); err != nil {
			t.Fatal(err)
		}
	})
}

// reversed lists folders backwards.
type reversed struct{ fs.FS }

func (r reversed) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(r.FS, name)
	for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
		entries[i], entries[j] = entries[j], entries[i]
	}
	return entries, err
}

// folder creates a directory with files, links ("name -> target") and folders ("name/").
func folder(t *testing.T, entries ...string) fs.FS {
	t.Helper()
	dir := t.TempDir()
	for _, e := range entries {
		name, to, link := strings.Cut(e, " -> ")
		p := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(p), 0o700)
		switch {
		case link:
			err = errors.Join(err, os.Symlink(to, p))
		case strings.HasSuffix(name, "/"):
			err = errors.Join(err, os.Mkdir(p, 0o700))
		default:
			err = errors.Join(err, os.WriteFile(p, []byte("content of "+name), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root.FS()
}

func TestPackFollowsLinksInside(t *testing.T) {
	t.Parallel()
	archive, err := render.Pack(folder(t, "a/x.yaml", "a/y.yaml", "b -> a", "c.yaml -> b/x.yaml", "d/e -> ../a/../a/y.yaml", "empty/", ".git/config", "a/.git"))
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := render.Unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	got := tree(t, fsys)
	want := map[string]string{
		"a/x.yaml": "content of a/x.yaml", "a/y.yaml": "content of a/y.yaml",
		"b/x.yaml": "content of a/x.yaml", "b/y.yaml": "content of a/y.yaml",
		"c.yaml": "content of a/x.yaml", "d/e": "content of a/y.yaml",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"a -> /etc/passwd":         "a: is a link to /etc/passwd, which leaves the source",
		"a/b -> ../../etc/passwd":  "a/b: is a link that leaves the source",
		"a -> b":                   "a: is a link to b, which does not exist",
		"a -> a":                   "a: is a chain of more than 40 links",
		"a/b -> ..":                "a/b: is a link to a folder that holds it",
		"a -> .":                   "a: is a link to a folder that holds it",
		"a\\b":                     "cannot carry everywhere",
		"a/b -> ../c/../../../etc": "a/b: is a link that leaves the source",
	} {
		_, err := render.Pack(folder(t, entry))
		if err == nil || !strings.Contains(err.Error(), want) || rollout.KindOf(err) != rollout.Invalid {
			t.Errorf("%s: got %v of kind %q, want %q of kind Invalid", entry, err, rollout.KindOf(err), want)
		}
	}
}

func TestPackHasLimits(t *testing.T) {
	t.Parallel()
	big := fstest.MapFS{
		"a": {Data: make([]byte, render.MaxBytes)},
		"b": {Data: []byte("x")},
	}
	if _, err := render.Pack(big); rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "passed at b") {
		t.Errorf("too large: %v", err)
	}
	delete(big, "b")
	archive, err := render.Pack(big)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = render.Unpack(archive); err != nil {
		t.Errorf("a source at the limit cannot be unpacked: %v", err)
	}
	many := fstest.MapFS{}
	for i := range render.MaxFiles + 1 {
		many[fmt.Sprintf("%05d", i)] = &fstest.MapFile{}
	}
	if _, err := render.Pack(many); rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Errorf("too many: %v", err)
	}
}

// archive makes a gzipped tar with the given headers.
func archive(tb testing.TB, headers ...tar.Header) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	var bomb []tar.Header
	for i := range 5 {
		bomb = append(bomb, tar.Header{Name: fmt.Sprint(i), Size: render.MaxBytes / 4})
	}
	whole := archive(t, tar.Header{Name: "a", Size: 5000})
	for want, content := range map[string][]byte{
		"gzip: invalid header":        []byte("no archive at all"),
		"unexpected EOF":              whole[:len(whole)-20],
		`"../a" is not a path inside`: archive(t, tar.Header{Name: "../a"}),
		`"/a" is not a path inside`:   archive(t, tar.Header{Name: "/a"}),
		`"a/../b" is not a path`:      archive(t, tar.Header{Name: "a/../b"}),
		`"a" is neither a file nor`:   archive(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		`"b" is neither a file nor`:   archive(t, tar.Header{Name: "b", Typeflag: tar.TypeLink, Linkname: "a"}),
		`"a" is in it twice`:          archive(t, tar.Header{Name: "a"}, tar.Header{Name: "a"}),
		`"a" is both a file and`:      archive(t, tar.Header{Name: "a"}, tar.Header{Name: "a/b"}),
		"the files hold more than":    archive(t, bomb...),
	} {
		fsys, err := render.Unpack(content)
		if err == nil || !strings.Contains(err.Error(), want) || rollout.KindOf(err) != rollout.Invalid || fsys != nil {
			t.Errorf("got %v of kind %q, want %q of kind Invalid", err, rollout.KindOf(err), want)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: "a/b", Size: 3}, tar.Header{Name: "c/", Typeflag: tar.TypeDir}))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, content []byte) {
		fsys, err := render.Unpack(content)
		if err != nil {
			if rollout.KindOf(err) != rollout.Invalid {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		// What can be unpacked can be packed, and is then stable.
		again, err := render.Pack(fsys)
		if err != nil {
			if rollout.KindOf(err) != rollout.Invalid {
				t.Fatal(err)
			}
			return
		}
		second, err := render.Unpack(again)
		if err != nil {
			t.Fatal(err)
		}
		third, err := render.Pack(second)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("packing twice differs: %v", err)
		}
	})
}
