package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// InUseError says that a database belongs to another Server that still runs.
type InUseError struct {
	// File is the database.
	File string
	// Address is where the other Server listens; empty while it still starts.
	Address string
}

// Error says who has the file and what to do instead.
func (e *InUseError) Error() string {
	if e.Address == "" {
		return fmt.Sprintf("%s is in use by a server that is still starting: try again", e.File)
	}
	return fmt.Sprintf("%s is in use by the server at %s: use that one (TEMPORAL_ADDRESS=%[2]s), stop it, or name another file", e.File, e.Address)
}

// lock keeps two servers from one database: both would start, and then fight
// over its shard. It dies with the process, so none is ever stale.
type lock struct {
	f *os.File
}

func acquire(file string) (*lock, error) {
	f, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		l := &lock{f: f}
		return l, l.announce("")
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, 256)); err == nil {
			err = &InUseError{File: file, Address: strings.TrimSpace(string(b))}
		}
	}
	return nil, errors.Join(fmt.Errorf("lock the database: %w", err), f.Close())
}

// announce tells whoever is refused where the holder listens.
func (l *lock) announce(address string) error {
	if err := l.f.Truncate(0); err != nil {
		return fmt.Errorf("write the lock's address: %w", err)
	}
	if address == "" {
		return nil
	}
	if _, err := l.f.WriteAt([]byte(address+"\n"), 0); err != nil {
		return fmt.Errorf("write the lock's address: %w", err)
	}
	return nil
}

// release leaves the file: removing it would let a third process lock another
// file of the same name.
func (l *lock) release() error {
	return errors.Join(l.announce(""), l.f.Close())
}
