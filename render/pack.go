package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// The limits of a source. They are the same for Pack, Unpack and Open, so what
// one accepts the others accept.
const (
	// MaxBytes is the most that the files of a source may hold together: 32 MiB.
	MaxBytes int64 = 32 << 20
	// MaxFiles is the most files that a source may have.
	MaxFiles = 10_000
)

// Pack returns fsys as a gzipped tar archive. The same tree gives the same
// bytes: files are sorted and carry no owner, time or mode of their own. Empty
// folders, and everything called .git, are left out; nothing else is, so a
// source should hold only what a release needs.
//
// A symbolic link is packed as what it leads to. A link that leaves fsys, or
// leads nowhere, is Invalid with its path, as are devices, sockets and a source
// above MaxBytes or MaxFiles. For a directory, use os.OpenRoot(dir) and its FS:
// it refuses to leave dir as well.
func Pack(fsys fs.FS) ([]byte, error) {
	files, err := collect(fsys)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("pack source: %w", err)
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)),
			Mode: 0o644, ModTime: time.Unix(0, 0).UTC(),
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack source: %s: %w", f.name, err)
		}
		if _, err := t.Write(f.content); err != nil {
			return nil, fmt.Errorf("pack source: %s: %w", f.name, err)
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("pack source: %w", err)
	}
	return out.Bytes(), nil
}

// Unpack reads what Pack wrote into memory. It takes archives from anywhere:
// one that is malformed, has names that leave the folder, holds anything but
// files and folders, or is above MaxBytes or MaxFiles is Invalid.
func Unpack(archive []byte) (fs.FS, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, badArchive(err)
	}
	// One header block per file and its padding come on top of the content.
	limited := &io.LimitedReader{R: z, N: MaxBytes + MaxFiles*4096}
	t := tar.NewReader(limited)
	files := map[string][]byte{}
	var total int64
	for {
		h, next := t.Next()
		if errors.Is(next, io.EOF) {
			break
		}
		if next != nil {
			return nil, badArchive(next)
		}
		content, bad := entry(t, h, MaxBytes-total)
		if bad != nil {
			return nil, badArchive(bad)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if _, twice := files[h.Name]; twice {
			return nil, badArchive(fmt.Errorf("%q is in it twice", h.Name))
		}
		total += int64(len(content))
		files[h.Name] = content
		if len(files) > MaxFiles {
			return nil, badArchive(fmt.Errorf("more than %d files", MaxFiles))
		}
	}
	m, err := newMemory(files)
	if err != nil {
		return nil, badArchive(err)
	}
	return m, nil
}

// entry returns the content of one archive entry of at most left bytes.
func entry(r io.Reader, h *tar.Header, left int64) ([]byte, error) {
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir:
		return nil, nil
	default:
		return nil, fmt.Errorf("%q is neither a file nor a folder", h.Name)
	}
	if !fs.ValidPath(h.Name) || h.Name == "." || strings.ContainsAny(h.Name, "\\\x00") {
		return nil, fmt.Errorf("%q is not a path inside the source", h.Name)
	}
	if h.Size > left {
		return nil, fmt.Errorf("the files hold more than %d bytes", MaxBytes)
	}
	content, err := io.ReadAll(io.LimitReader(r, left+1))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", h.Name, err)
	}
	return content, nil
}

func badArchive(err error) error {
	return &rollout.Error{Op: "unpack source", Kind: rollout.Invalid, Err: err}
}
