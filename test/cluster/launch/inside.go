package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/serin-dev/serin/test/cluster/control"
	"github.com/serin-dev/serin/test/cluster/crds"
	"github.com/serin-dev/serin/test/cluster/kwok"
	"github.com/serin-dev/serin/test/cluster/netns"
)

// RoleInside is this program's first argument when it is the first process in the
// cluster's network. The second is the options, as JSON.
const RoleInside = "inside"

// The file descriptors of the listeners outside, on which the API server and the gateway
// are reached: the first ones after stdin, stdout and stderr.
const (
	apiListener = 3 + iota
	gatewayListener
)

// Access is what somebody outside needs to use the cluster.
type Access struct {
	// Kubeconfig is the path of a file that is good for kubectl.
	Kubeconfig string `json:"kubeconfig"`
	// Server is the API server's URL.
	Server string `json:"server"`
	// Token is the admin's.
	Token string `json:"token"`
	// Gateway is host:port of the gateway. It chooses by the request's Host.
	Gateway string `json:"gateway"`
	// Audit is the path of the audit log: a JSON object a line, oldest first.
	Audit string `json:"audit"`
}

// Inside runs the whole cluster, in a network that is still empty, until ctx or stdin
// ends. When everything is ready it writes one line to stdout: Access, as JSON.
// The error wraps netns.ErrNotPermitted where the network cannot be made.
func Inside(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	var o options
	if len(args) != 1 {
		return fmt.Errorf("role %s wants its options, it is for the launcher only", RoleInside)
	}
	if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	if err := netns.SetUp(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the launcher, or whoever started it, is gone
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	c := &cluster{options: o, ended: make(chan error, 8)}
	err := c.run(ctx, stdout)
	if ctx.Err() != nil {
		err = nil // it was asked to end, and what ended first does not matter
	}
	cancel()
	c.rest()
	return err
}

// cluster is everything that runs inside.
type cluster struct {
	options options
	files   control.Files
	plane   *control.Plane
	admin   kubernetes.Interface

	services int        // how many have been started
	ended    chan error // one for each service that has ended
}

func (c *cluster) run(ctx context.Context, stdout io.Writer) error {
	access, err := c.start(ctx)
	if err != nil {
		return err
	}
	line, err := json.Marshal(access)
	if err != nil {
		return err
	}
	if _, err = stdout.Write(append(line, '\n')); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err = <-c.plane.Ended():
		return err
	case err = <-c.ended:
		c.services--
		return err
	}
}

func (c *cluster) start(ctx context.Context) (Access, error) {
	var err error
	if c.files, err = control.Write(c.options.Dir); err != nil {
		return Access{}, err
	}
	if c.plane, err = control.Start(ctx, c.files); err != nil {
		return Access{}, err
	}
	if c.admin, err = kubernetes.NewForConfig(c.plane.Config(control.Setup)); err != nil {
		return Access{}, err
	}
	access, err := c.open(ctx)
	if err != nil {
		return Access{}, err
	}
	// What takes long runs beside what waits for it.
	for _, begin := range []func(context.Context) error{c.plane.Controllers, c.kwok, c.node, c.install, c.gateway, c.ready} {
		if err := begin(ctx); err != nil {
			return Access{}, err
		}
	}
	return access, nil
}

func (c *cluster) install(ctx context.Context) error {
	return crds.Install(ctx, c.plane.Config(control.Setup))
}

// open connects the listeners outside with what listens inside.
func (c *cluster) open(ctx context.Context) (Access, error) {
	api, err := c.forward(ctx, apiListener, net.JoinHostPort(netns.APIServer, control.Port))
	if err != nil {
		return Access{}, err
	}
	gateway, err := c.forward(ctx, gatewayListener, gatewayAddress())
	if err != nil {
		return Access{}, err
	}
	a := Access{
		Kubeconfig: c.options.Kubeconfig, Server: "https://" + api, Token: c.files.Token(control.Admin),
		Gateway: gateway, Audit: c.files.Audit(),
	}
	return a, c.files.WriteKubeconfig(a.Kubeconfig, a.Server, control.Admin)
}

func (c *cluster) forward(ctx context.Context, descriptor uintptr, to string) (from string, err error) {
	f := os.NewFile(descriptor, "listener for "+to)
	l, err := net.FileListener(f)
	if err != nil {
		return "", fmt.Errorf("take over the listener for %s: %w", to, err)
	}
	c.service("the way to "+to, func() error { return netns.Forward(ctx, l, to) })
	return l.Addr().String(), f.Close() // FileListener has its own
}

func (c *cluster) kwok(ctx context.Context) error {
	if c.options.KwokNodes == 0 {
		return nil
	}
	flags, err := kwok.Flags(filepath.Join(c.options.Dir, "kwok.yaml"), c.plane.Kubeconfig(control.Kwok))
	if err != nil {
		return err
	}
	if err := kwok.Create(ctx, c.admin, c.options.KwokNodes); err != nil {
		return err
	}
	return c.plane.Process(ctx, kwok.Role, flags...)
}

// service starts run, whose end before ctx ends the cluster.
func (c *cluster) service(name string, run func() error) {
	c.services++
	go func() {
		if err := run(); err != nil {
			c.ended <- fmt.Errorf("%s ended: %w", name, err)
			return
		}
		c.ended <- fmt.Errorf("%s ended by itself", name)
	}()
}

// restDeadline bounds how long services may take to end. What still runs then is killed
// with the namespace.
const restDeadline = 3 * time.Second

// rest waits until all services have ended.
func (c *cluster) rest() {
	late := time.After(restDeadline)
	for ; c.services > 0; c.services-- {
		select {
		case <-c.ended: //nolint:errcheck // by now each has been asked to end
		case <-late:
			return
		}
	}
}
