package artifact

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/serin-dev/serin/rollout"
)

// Open opens the store at address, such as "gs://team-artifacts",
// "s3://team-artifacts?region=eu-west-1" or "file:///var/lib/serin". The empty
// address is DefaultDir. The directory of a file:// store is created, readable
// by this user only; file://./path is relative to the working directory.
//
// Errors: Invalid if the address is malformed or no driver for its scheme is
// linked, which lists the schemes that are; Denied; Transient.
func Open(ctx context.Context, address string, opts ...Option) (*Store, error) {
	const op = "artifact: open"
	if address == "" {
		dir, err := DefaultDir()
		if err != nil {
			return nil, err
		}
		return openDir(op, dir, opts)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, &rollout.Error{Op: op, On: address, Kind: rollout.Invalid, Err: err}
	}
	// Query and user part may carry credentials and are left out of every text.
	on := u.Scheme + "://" + u.Host + u.Path
	if u.Scheme == fileblob.Scheme {
		dir, derr := dirOf(u)
		if derr != nil {
			return nil, &rollout.Error{Op: op, On: on, Kind: rollout.Invalid, Err: derr}
		}
		return openDir(op, dir, opts)
	}
	mux := blob.DefaultURLMux()
	if !mux.ValidBucketScheme(u.Scheme) {
		return nil, &rollout.Error{
			Op: op, On: on, Kind: rollout.Invalid,
			Err: fmt.Errorf("no driver for %q: this build has %s", u.Scheme, schemes(mux)),
		}
	}
	bucket, err := mux.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, openFailed(op, on, err)
	}
	s := New(bucket, opts...)
	s.root = ofBucket(u)
	return s, nil
}

// DefaultDir is where artifacts live when no address is configured:
// serin/artifacts under XDG_STATE_HOME, or under ~/.local/state without it.
func DefaultDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	// The base directory specification says to ignore relative values.
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", &rollout.Error{
				Op: "artifact: open", Kind: rollout.Invalid, Err: err,
				Fix: "set SERIN_ARTIFACTS, for example to file:///var/lib/serin/artifacts",
			}
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "serin", "artifacts"), nil
}

// openFailed reads what a driver says when a bucket cannot be opened. A bucket
// is opened without a request, so what fails here is mostly the address.
func openFailed(op, on string, err error) error {
	var e *rollout.Error
	if errors.As(fail(op, on, err), &e) && gcerrors.Code(err) == gcerrors.Unknown && e.Kind == rollout.Transient {
		e.Kind = rollout.Invalid
	}
	return e
}

func schemes(mux *blob.URLMux) string {
	known := mux.BucketSchemes()
	slices.Sort(known)
	return strings.Join(known, ", ")
}

// dirOf follows fileblob's reading of a URL: the host is empty, localhost, or a
// dot for a relative path.
func dirOf(u *url.URL) (string, error) {
	if u.RawQuery != "" {
		return "", errors.New("file:// takes no query parameters here: how files are written is fixed")
	}
	switch {
	case u.Opaque != "" || u.Path == "":
		return "", errors.New("the directory is missing: write file:///absolute/path or file://./relative/path")
	case u.Host == ".":
		return filepath.FromSlash(strings.TrimPrefix(u.Path, "/")), nil
	case u.Host != "" && u.Host != "localhost":
		return "", fmt.Errorf("%q reads as a host name: write file:///absolute/path or file://./relative/path", u.Host)
	}
	return filepath.FromSlash(u.Path), nil
}

// openDir opens a directory. Temporary files lie next to the final ones, because
// a rename is atomic only within one file system; no .attrs files are written.
func openDir(op, dir string, opts []Option) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail(op, dir, err)
	}
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(op, dir, err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		DirFileMode: 0o700,
		NoTempDir:   true,
		Metadata:    fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fail(op, dir, err)
	}
	s := New(bucket, opts...)
	s.create, s.open, s.root = linker(dir), inside(dir), ofDir(dir)
	return s, nil
}

// linker returns a creator for a directory. fileblob checks for an existing
// file and renames over it in two steps, so two processes could both believe
// that they were first. A hard link is one step and fails if the name exists.
func linker(dir string) creator {
	return func(ctx context.Context, key string, content []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		final := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(final), 0o700); err != nil {
			return err
		}
		temp := filepath.Join(filepath.Dir(final), "."+path.Base(key)+"."+rand.Text())
		if err := writeSynced(temp, content); err != nil {
			return errors.Join(err, removeIfThere(temp))
		}
		return errors.Join(os.Link(temp, final), removeIfThere(temp))
	}
}

// writeSynced creates name with content that survives a power failure.
func writeSynced(name string, content []byte) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err = f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
