// Package launch starts the cluster: a launcher outside, which holds the ports that are
// reached from the machine's network, and one process inside, from which everything
// else comes.
package launch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/serin-dev/serin/test/cluster/control"
	"github.com/serin-dev/serin/test/cluster/netns"
)

// The launcher's roles.
const (
	// RoleStart is for tests: one line of JSON, and it ends with its stdin.
	RoleStart = "start"
	// RoleUp is for people.
	RoleUp = "up"
)

// ExitNotPermitted is the exit code where the machine does not permit namespaces.
const ExitNotPermitted = 3

// options is what the launcher tells the process inside.
type options struct {
	// Dir holds the state, an absolute path.
	Dir string `json:"dir"`
	// Kubeconfig is the file to write for those outside.
	Kubeconfig string `json:"kubeconfig"`
	// KwokNodes is how many nodes are pretended, 0 or more.
	KwokNodes int `json:"kwokNodes"`
	// GatewayDelay is how long the gateway waits before it takes a new configuration.
	GatewayDelay time.Duration `json:"gatewayDelay"` // in nanoseconds
}

// Streams are the launcher's.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Outside starts the cluster and waits until ctx ends. role is RoleStart or RoleUp. The
// error wraps netns.ErrNotPermitted where namespaces cannot be made.
func Outside(ctx context.Context, role string, args []string, s Streams) (err error) {
	o, err := parse(role, args, s.Err)
	if err != nil {
		return err
	}
	remove, err := prepare(&o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if role == RoleStart {
		go func() {
			_, _ = io.Copy(io.Discard, s.In)
			cancel()
		}()
	}
	p, err := begin(o, s.Err)
	if err != nil {
		return err
	}
	return errors.Join(p.show(ctx, role, s.Out), p.end(ctx))
}

func parse(role string, args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet(role, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Dir, "dir", "", "`folder` for the state, new or empty; it is kept (default: a temporary one, removed at the end)")
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "`file` to write the kubeconfig to (default: kubeconfig in the folder for the state)")
	f.IntVar(&o.KwokNodes, "kwok-nodes", 1, "`number` of pretended nodes")
	f.DurationVar(&o.GatewayDelay, "gateway-delay", 0, "`time` that the gateway waits before it takes a new configuration")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case f.NArg() > 0:
		return options{}, fmt.Errorf("%s takes flags only, got %q", role, f.Args())
	case o.KwokNodes < 0:
		return options{}, fmt.Errorf("--kwok-nodes %d: it is a number of nodes, 0 or more", o.KwokNodes)
	case o.GatewayDelay < 0:
		return options{}, fmt.Errorf("--gateway-delay %s: it is a time to wait, 0 or more", o.GatewayDelay)
	}
	return o, nil
}

// prepare makes the folder, and returns what to do with it at the end.
func prepare(o *options) (remove func() error, err error) {
	remove = func() error { return nil }
	if o.Kubeconfig != "" {
		if o.Kubeconfig, err = filepath.Abs(o.Kubeconfig); err != nil {
			return nil, err
		}
		if err = ours(o.Kubeconfig); err != nil {
			return nil, err
		}
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "serin-cluster-"); err != nil {
			return nil, err
		}
		remove = func() error { return os.RemoveAll(o.Dir) }
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	if err = os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	there, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("--dir %s: the folder is not empty, and a cluster begins with nothing", o.Dir)
	}
	if o.Kubeconfig == "" {
		o.Kubeconfig = filepath.Join(o.Dir, "kubeconfig")
	}
	state := remove
	remove = func() error {
		err := os.Remove(o.Kubeconfig) // nobody answers there any more
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, state())
	}
	return remove, nil
}

// ours refuses to write over a kubeconfig of somebody's other clusters.
func ours(path string) error {
	c, err := clientcmd.LoadFromFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--kubeconfig %s: %w", path, err)
	case len(c.Clusters) == 1 && c.Clusters[control.Name] != nil:
		return nil
	}
	return fmt.Errorf("--kubeconfig %s: the file is of another cluster, choose one to write", path)
}

// process is the first one inside, seen from outside.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Reader // its stdout
	stop  io.Closer     // its stdin
	done  chan struct{} // closed when it has ended, with err
	err   error
}

// begin starts the process inside. Its address outside is chosen by the system: two
// clusters never want the same port.
func begin(o options, stderr io.Writer) (*process, error) {
	args, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var files []*os.File // in the order of apiListener and gatewayListener
	for range 2 {
		f, listenErr := listen()
		if listenErr != nil {
			return nil, listenErr
		}
		defer closed(f) // the child has its own
		files = append(files, f)
	}
	in, stop, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer closed(in)
	lines, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer closed(out)
	cmd, err := netns.Start(func() *exec.Cmd {
		c := exec.Command("/proc/self/exe", RoleInside, string(args)) //nolint:noctx // it is asked to end before it is killed
		c.Stdin, c.Stdout, c.Stderr, c.ExtraFiles = in, out, stderr, files
		return c
	})
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, lines: bufio.NewReader(lines), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// closed closes c, of which somebody else has a copy: nothing is lost.
func closed(c io.Closer) { _ = c.Close() }

func listen() (*os.File, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer closed(l)
	return l.File()
}

// show waits until the cluster is ready, tells who asked, and returns when ctx or the
// cluster has ended.
func (p *process) show(ctx context.Context, role string, out io.Writer) error {
	type answer struct {
		line []byte
		err  error
	}
	ready := make(chan answer, 1)
	go func() {
		line, err := p.lines.ReadBytes('\n')
		ready <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("stopped before the cluster was ready")
	case a := <-ready:
		if a.err != nil {
			return nil // it has ended, and end says why
		}
		if err := tell(out, role, a.line); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
	case <-p.done:
	}
	return nil
}

// endDeadline bounds how long the process inside may take to end.
const endDeadline = 10 * time.Second

// end asks the process inside to end, and sees to it that it does. What it started ends
// with it, because it is the first of its namespace of process ids.
func (p *process) end(ctx context.Context) error {
	asked := ctx.Err() != nil
	_ = p.stop.Close() // that is the question
	select {
	case <-p.done:
	case <-time.After(endDeadline):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	var exit *exec.ExitError
	switch {
	case p.err == nil && !asked:
		return errors.New("the cluster ended by itself")
	case errors.As(p.err, &exit) && exit.ExitCode() == ExitNotPermitted:
		return fmt.Errorf("%w: the line above says what was refused", netns.ErrNotPermitted)
	case p.err != nil:
		return fmt.Errorf("the cluster ended: %w", p.err)
	}
	return nil
}
