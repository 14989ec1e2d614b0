// Package node is a kubelet for processes: it registers a node, runs the pods that
// are scheduled to it, each container a process bound to its pod's address, and
// reports their status as a kubelet does. The images are those of package app.
//
// Not implemented: what is in volumes, Service variables, exec, events, and the
// change of a running pod's image.
package node

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Name is the node's name.
const Name = "serin-node"

// Options are what a node is made with.
type Options struct {
	// Pods is the range that the pods' addresses are taken from. All of it must be
	// local, so that any of its addresses can be listened on. The first is the node's own.
	Pods netip.Prefix
	// Output gets what the containers print and what goes wrong, in whole lines
	// that begin with the pod and the container. It may be nil.
	Output io.Writer
	// Logs lets the API server ask for what containers have printed, at the node's own address.
	Logs bool
}

// Run is the node until ctx ends: then it kills what runs and returns nil. It waits for an API server that does not answer yet.
func Run(ctx context.Context, cfg *rest.Config, o Options) error {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = -1, -1 // a limit of the client would be what a test measures
	cfg.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("connect node %s: %w", Name, err)
	}
	return run(ctx, client, o)
}

func run(ctx context.Context, client kubernetes.Interface, o Options) error {
	n, err := newNode(client, o)
	if err != nil {
		return fmt.Errorf("start node %s: %w", Name, err)
	}
	defer close(n.processes)
	go n.processes.serve()
	if o.Logs {
		stop, err := n.serveLogs(ctx)
		if err != nil {
			return fmt.Errorf("serve logs of node %s: %w", Name, err)
		}
		defer stop()
	}

	if err := n.register(ctx); err != nil {
		return nil // ctx has ended, and nothing runs
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var heartbeat sync.WaitGroup
	heartbeat.Go(func() { n.heartbeat(ctx) })

	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(l *metav1.ListOptions) {
		l.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", Name).String()
	}))
	if err := n.watch(ctx, factory.Core().V1().Pods().Informer()); err != nil {
		return fmt.Errorf("watch pods of node %s: %w", Name, err)
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown() // nothing is seen after it, so that nothing is started
	n.running.Wait()
	heartbeat.Wait()
	return nil
}

// node is what its pods have in common.
type node struct {
	client     kubernetes.Interface
	addresses  *pool
	processes  spawner
	output     *output
	executable string // this very program

	running sync.WaitGroup
	mu      sync.Mutex
	pods    map[types.UID]*pod
}

func newNode(client kubernetes.Interface, o Options) (*node, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	addresses, err := newPool(o.Pods)
	if err != nil {
		return nil, err
	}
	return &node{
		client: client, addresses: addresses, executable: executable,
		processes: make(spawner), output: &output{to: o.Output},
		pods: map[types.UID]*pod{},
	}, nil
}

func (n *node) watch(ctx context.Context, pods cache.SharedIndexInformer) error {
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { n.seen(ctx, object) },
		UpdateFunc: func(before, object any) {
			if uid(before) != uid(object) { // another pod of that name, its deletion was not seen
				n.gone(before)
			}
			n.seen(ctx, object)
		},
		DeleteFunc: n.gone,
	})
	return err
}

func (n *node) seen(ctx context.Context, object any) {
	seen, ok := object.(*corev1.Pod)
	if !ok || seen.Spec.NodeName != Name {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p, known := n.pods[seen.UID]
	if !known {
		p = newPod(ctx, n, seen)
		n.pods[seen.UID] = p
		n.running.Go(p.run)
	}
	p.seen(seen)
}

func (n *node) gone(object any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p, ok := n.pods[uid(object)]; ok {
		p.gone()
		delete(n.pods, uid(object))
	}
}

// uid is of a pod, or of one whose end was found out late.
func uid(object any) types.UID {
	if lost, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = lost.Obj
	}
	if p, ok := object.(*corev1.Pod); ok {
		return p.UID
	}
	return ""
}
