//go:build !linux

package netns

import (
	"fmt"
	"os/exec"
	"runtime"
)

// Start always returns an error that wraps ErrNotPermitted: namespaces are Linux's.
func Start(func() *exec.Cmd) (*exec.Cmd, error) {
	return nil, fmt.Errorf("%w: they need Linux, this is %s", ErrNotPermitted, runtime.GOOS)
}

// SetUp always returns an error that wraps ErrNotPermitted.
func SetUp() error {
	return fmt.Errorf("%w: they need Linux, this is %s", ErrNotPermitted, runtime.GOOS)
}
