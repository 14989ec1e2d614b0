package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// self is this program, also where its file has been replaced or removed since.
const self = "/proc/self/exe"

// Process starts this program again with args, the first of which is a role. What it
// writes goes to a file named after the role in the folder logs. It is killed with ctx;
// when it ends before that, Ended says so.
func (p *Plane) Process(ctx context.Context, role string, args ...string) error {
	path := filepath.Join(p.files.Dir, "logs", role)
	log, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create log of %s: %w", role, err)
	}
	cmd := exec.CommandContext(ctx, self, append([]string{role}, args...)...)
	cmd.Dir = p.files.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "HOME="+p.files.Dir) // whoever runs this may have a configuration of their own there
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", role, err), log.Close())
	}
	go func() {
		err := cmd.Wait()
		_ = log.Close() // the child has written it, not we
		if ctx.Err() == nil {
			p.ended <- fmt.Errorf("%s ended (%w), its last words:\n%s", role, orNil(err), tail(path))
		}
	}()
	return nil
}

func orNil(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

// tail returns the last lines of a log, 4 KiB at most.
func tail(path string) []byte {
	const most = 4 << 10
	b, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	if len(b) > most {
		b = b[len(b)-most:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return b
}
