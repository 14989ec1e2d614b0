package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// errNoFile is why something in a directory cannot be read, now or later.
var errNoFile = errors.New("it is no file of the store")

// inside returns an opener for a directory. Containers write there too: a link that leads out of it
// would give them what only the worker may read.
func inside(dir string) opener {
	return func(ctx context.Context, key string) (_ reader, err error) {
		if err = ctx.Err(); err != nil {
			return nil, err
		}
		top, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, top.Close()) }()
		name := filepath.FromSlash(key)
		seen, err := top.Stat(name) // first: to open a pipe is to wait for its writer
		if err != nil {
			return nil, meant(err)
		}
		if !seen.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s", errNoFile, seen.Mode().Type())
		}
		f, err := top.Open(name)
		if err != nil {
			return nil, meant(err)
		}
		return file{f, seen.Size()}, nil
	}
}

// meant says what an error of a directory means. What the system did not say itself is of a link that
// leads out.
func meant(err error) error {
	var system syscall.Errno
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fs.ErrNotExist
	case errors.As(err, &system) && system != syscall.ENAMETOOLONG && system != syscall.ELOOP:
		return err
	}
	return fmt.Errorf("%w: %w", errNoFile, err)
}

// file is an open file of a store.
type file struct {
	*os.File
	size int64
}

func (f file) Size() int64 { return f.size }
