package launch

import (
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/serin-dev/serin/test/cluster/kwok"
	"github.com/serin-dev/serin/test/cluster/node"
)

// readyDeadline is far more than the seconds that a start takes: a machine may be busy.
const readyDeadline = 2 * time.Minute

// ready returns when a new pod would run at once: the nodes are ready and open, and the
// controllers and the scheduler have been seen at work.
func (c *cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyDeadline, fmt.Errorf("not ready within %s", readyDeadline))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.works(ctx) }()
	select {
	case err := <-done:
		return err
	case err := <-c.plane.Ended():
		return err
	case err := <-c.ended:
		c.services--
		return err
	}
}

func (c *cluster) works(ctx context.Context) error {
	steps := []func(context.Context) error{
		c.routed, // the others may go on meanwhile
		func(ctx context.Context) error {
			return c.core(&core.Node{}, "nodes", "", node.Name).until(ctx, nodeReady)
		},
		func(ctx context.Context) error {
			return c.core(&core.ServiceAccount{}, "serviceaccounts", metav1.NamespaceDefault, "default").until(ctx, exists)
		},
	}
	for n := range c.options.KwokNodes {
		steps = append(steps, func(ctx context.Context) error {
			return c.core(&core.Node{}, "nodes", "", kwok.Name(n)).until(ctx, nodeReady)
		})
	}
	steps = append(steps, c.schedules)
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// schedules has a pod scheduled, and takes it away again. Its image does not exist, so
// that nothing has to start.
func (c *cluster) schedules(ctx context.Context) error {
	const name, namespace = "readiness", metav1.NamespaceSystem
	pods := c.admin.CoreV1().Pods(namespace)
	pod := &core.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       core.PodSpec{Containers: []core.Container{{Name: "app", Image: "serin.test/missing:readiness"}}},
	}
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create pod %s: %w", name, err)
	}
	if err := c.core(&core.Pod{}, "pods", namespace, name).until(ctx, scheduled); err != nil {
		return err
	}
	if err := pods.Delete(ctx, name, *metav1.NewDeleteOptions(0)); err != nil {
		return fmt.Errorf("delete pod %s: %w", name, err)
	}
	return nil
}

// object is one that can be watched.
type object struct {
	client                    rest.Interface // of its API group
	kind                      runtime.Object // an empty one
	resource, namespace, name string
}

func (c *cluster) core(kind runtime.Object, resource, namespace, name string) object {
	return object{c.admin.CoreV1().RESTClient(), kind, resource, namespace, name}
}

// until watches o until is holds of it.
func (o object) until(ctx context.Context, is func(watch.Event) (bool, error)) error {
	changes := cache.NewListWatchFromClient(o.client, o.resource, o.namespace, fields.OneTermEqualSelector("metadata.name", o.name))
	if _, err := watchtools.UntilWithSync(ctx, changes, o.kind, nil, is); err != nil {
		return fmt.Errorf("wait for %s %s: %w", o.resource, o.name, err)
	}
	return nil
}

// nodeReady: Kubernetes adds the taint to each new node and takes it away when it is Ready.
func nodeReady(e watch.Event) (bool, error) {
	n, ok := e.Object.(*core.Node)
	if !ok {
		return false, nil
	}
	for _, t := range n.Spec.Taints {
		if t.Key == core.TaintNodeNotReady {
			return false, nil
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == core.NodeReady && c.Status == core.ConditionTrue {
			return true, nil
		}
	}
	return false, nil
}

func scheduled(e watch.Event) (bool, error) {
	p, ok := e.Object.(*core.Pod)
	return ok && p.Spec.NodeName != "", nil
}

func exists(e watch.Event) (bool, error) { return e.Type == watch.Added, nil }
