package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// build makes the program in ../cluster and returns its path. An empty build cache costs
// minutes, an up-to-date program about a second. Until unlock is called no other process
// replaces it.
func build(ctx context.Context) (path string, unlock func(), err error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", nil, errors.New("find the source of the cluster: this program does not know its own")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil, fmt.Errorf("find a place for the cluster's program: %w", err)
	}
	folder := filepath.Join(cache, "serin-test")
	if err = os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, err
	}
	if unlock, err = lock(filepath.Join(folder, "lock")); err != nil {
		return "", nil, err
	}
	path = filepath.Join(folder, "cluster")
	folder = filepath.Join(filepath.Dir(here), "..", "cluster")
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(folder, "build.sh"), path)
	if out, err := cmd.CombinedOutput(); err != nil {
		unlock()
		return "", nil, fmt.Errorf("build the cluster in %s: %w\n%s", folder, err, out)
	}
	return path, unlock, nil
}

// lock waits until no other process holds the lock at path. It ends with this process at the latest.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}
