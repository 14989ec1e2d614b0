// Package control runs a Kubernetes control plane: etcd, API server, controller manager
// and scheduler, each a process that is this program in another role.
package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/serin-dev/serin/test/cluster/netns"
)

// Port is where the API server listens, on every address of its network.
const Port = "6443"

// Plane is a running control plane.
type Plane struct {
	files Files
	ended chan error
}

// Start starts etcd and the API server on what Write has written, and returns when the API
// server is ready. Everything ends with ctx. It must run in a network of its own: the ports are fixed.
func Start(ctx context.Context, f Files) (*Plane, error) {
	p := &Plane{files: f, ended: make(chan error, 8)} // room for every process: nobody need read
	if err := p.Process(ctx, roleEtcd, etcdFlags(f)...); err != nil {
		return nil, err
	}
	if err := p.Process(ctx, roleAPIServer, apiServerFlags(f)...); err != nil {
		return nil, err
	}
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Controllers starts the controller manager and the scheduler.
func (p *Plane) Controllers(ctx context.Context) error {
	if err := p.Process(ctx, roleControllers, controllerFlags(p.files)...); err != nil {
		return err
	}
	return p.Process(ctx, roleScheduler, schedulerFlags(p.files)...)
}

// Ended yields an error for each process that ended before the context that it was started with.
func (p *Plane) Ended() <-chan error { return p.ended }

// Config is for a client inside the network that acts as user, such as Admin. It has no
// limit of its own on requests per second.
func (p *Plane) Config(user string) *rest.Config {
	return &rest.Config{
		Host:            "https://" + netns.APIServer + ":" + Port,
		BearerToken:     p.files.tokens[user],
		TLSClientConfig: rest.TLSClientConfig{CAFile: p.files.Certificate()},
		QPS:             -1,
		UserAgent:       "cluster-" + user,
	}
}

// Kubeconfig is the path of the file with which user acts inside the network: Controllers,
// Scheduler or Kwok.
func (p *Plane) Kubeconfig(user string) string { return p.files.kubeconfig(user) }

// startDeadline is far more than the seconds that a start takes: a machine may be busy.
const startDeadline = 2 * time.Minute

// ready waits until the API server says so. It fails as soon as a process has ended.
func (p *Plane) ready(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(p.Config(Admin))
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startDeadline, true, func(ctx context.Context) (bool, error) {
		select {
		case dead := <-p.ended:
			return false, dead
		default:
		}
		var code int
		last = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&code).Error()
		return last == nil && code == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the API server (its log: %s): %w", filepath.Join(p.files.Dir, "logs", roleAPIServer), errors.Join(err, last))
	}
	return nil
}
