// Package kube gives a test a Kubernetes cluster: the program in ../cluster, built once
// and started in a process of its own.
package kube

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// ErrNotPermitted is wrapped by errors that say that a cluster cannot run on this
// machine, because it does not let this user make namespaces.
var ErrNotPermitted = errors.New("a cluster cannot run on this machine")

// Options are what a cluster can be asked for. The zero value is a good cluster.
type Options struct {
	// KwokNodes is how many nodes only pretend to run their pods, 0 for one.
	KwokNodes int
	// GatewayDelay is how long the gateway waits before it takes a new configuration.
	GatewayDelay time.Duration
}

// Cluster is a running cluster. Its clients act as the user admin, without a limit on
// requests per second.
type Cluster struct {
	Kubeconfig string `json:"kubeconfig"` // path of a file for kubectl
	Server     string `json:"server"`     // URL of the API server
	Token      string `json:"token"`      // the admin's
	Gateway    string `json:"gateway"`    // host:port, chooses by the request's Host
	Audit      string `json:"audit"`      // path of the audit log; see Requests

	Config  *rest.Config         `json:"-"`
	Client  kubernetes.Interface `json:"-"`
	Dynamic dynamic.Interface    `json:"-"`

	mapper  meta.ResettableRESTMapper
	process *process
}

// Start returns a cluster that is ready, and that ends with the test. The test is
// skipped where a cluster cannot run.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c, err := Run(tb.Context(), o)
	if errors.Is(err, ErrNotPermitted) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// Run returns a cluster that is ready, for a TestMain or a program. It lives until Close, or
// until this process ends; ctx is for the start only. The error wraps ErrNotPermitted
// where a cluster cannot run.
func Run(ctx context.Context, o Options) (*Cluster, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w: it needs Linux, this is %s", ErrNotPermitted, runtime.GOOS)
	}
	p, err := begin(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := p.cluster(ctx)
	if err == nil {
		return c, nil
	}
	select {
	case <-p.done: // err says why
		return nil, err
	default:
		return nil, errors.Join(err, p.end())
	}
}

// Close ends the cluster and all that belongs to it. The error says so when it had ended
// before, and why.
func (c *Cluster) Close() error { return c.process.end() }

// process is the program in ../cluster.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
	stderr bytes.Buffer  // complete when done is closed
	done   chan struct{} // closed when it has ended, with err
	err    error
}

func begin(ctx context.Context, o Options) (*process, error) {
	path, unlock, err := build(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock() // it has been started by then, and whoever waits may build another
	nodes := max(o.KwokNodes, 1)
	cmd := exec.Command(path, "start", "--kwok-nodes="+strconv.Itoa(nodes), "--gateway-delay="+o.GatewayDelay.String()) //nolint:noctx // ends with its stdin
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = &p.stderr
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	return p, nil
}

// cluster waits until the program says that it is ready.
func (p *process) cluster(ctx context.Context) (*Cluster, error) {
	stop := context.AfterFunc(ctx, func() { _ = p.stdin.Close() }) // it ends, and so does its output
	line, readErr := p.stdout.ReadBytes('\n')
	stop()
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if readErr != nil {
		return nil, p.failed(ctx)
	}
	c := &Cluster{process: p}
	if err := json.Unmarshal(line, c); err != nil {
		return nil, fmt.Errorf("read what the cluster says: %w", err)
	}
	return c, c.connect()
}

// notPermitted is the program's exit code where namespaces are not permitted.
const notPermitted = 3

// failed says why the program ended.
func (p *process) failed(ctx context.Context) error {
	<-p.done
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("start the cluster: %w", context.Cause(ctx))
	case errors.As(p.err, &exit) && exit.ExitCode() == notPermitted:
		return fmt.Errorf("%w: %s", ErrNotPermitted, bytes.TrimSpace(p.stderr.Bytes()))
	}
	return fmt.Errorf("the cluster ended (%w): %s", p.err, bytes.TrimSpace(p.stderr.Bytes()))
}

func (c *Cluster) connect() error {
	var err error
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return err
	}
	c.Config.QPS = -1
	c.Config.UserAgent = "serin-test"
	if c.Client, err = kubernetes.NewForConfig(c.Config); err != nil {
		return err
	}
	if c.Dynamic, err = dynamic.NewForConfig(c.Config); err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.Client.Discovery()))
	return nil
}

// endDeadline is more than the program itself allows for the end of what is in it.
const endDeadline = 20 * time.Second

func (p *process) end() error {
	select {
	case <-p.done:
		if p.err == nil {
			return nil // somebody has ended it before
		}
		return fmt.Errorf("the cluster ended by itself (%w): %s", p.err, bytes.TrimSpace(p.stderr.Bytes()))
	default:
	}
	_ = p.stdin.Close() // that asks it to end
	select {
	case <-p.done:
	case <-time.After(endDeadline):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("the cluster did not end within %s and was killed: %s", endDeadline, bytes.TrimSpace(p.stderr.Bytes()))
	}
	if p.err != nil {
		return fmt.Errorf("end the cluster (%w): %s", p.err, bytes.TrimSpace(p.stderr.Bytes()))
	}
	return nil
}
