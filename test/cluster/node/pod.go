package node

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
)

// pod is one pod from when the node first sees it until its object is gone.
//
// Three contexts say how its end comes, each ends with the one before it:
// killed when nothing may run any more, grace when the grace period is over,
// stop when the pod shall end.
type pod struct {
	node    *node
	origin  *corev1.Pod // as first seen; of it, only what never changes is of use
	killed  context.Context
	grace   context.Context
	stop    context.Context
	kill    context.CancelFunc
	expire  context.CancelFunc
	end     context.CancelFunc
	changed chan struct{} // holds one: there is something to report

	initial []*container
	main    []*container

	mu       sync.Mutex
	object   *corev1.Pod      // as last seen
	base     corev1.PodStatus // as last written, or seen at first
	started  metav1.Time
	ip       netip.Addr // not valid before the pod has one
	over     bool       // nothing runs, and nothing will
	deadline bool       // spec.activeDeadlineSeconds is over
	expiry   *time.Timer
	expires  time.Time
}

func newPod(ctx context.Context, n *node, object *corev1.Pod) *pod {
	p := &pod{
		node: n, origin: object, changed: make(chan struct{}, 1),
		object: object, base: object.Status, started: metav1.Now(),
	}
	p.killed, p.kill = context.WithCancel(ctx)
	p.grace, p.expire = context.WithCancel(p.killed)
	p.stop, p.end = context.WithCancel(p.grace)
	for i := range object.Spec.InitContainers {
		p.initial = append(p.initial, newContainer(p, &object.Spec.InitContainers[i], "PodInitializing"))
	}
	reason := "ContainerCreating"
	if len(p.initial) > 0 {
		reason = "PodInitializing"
	}
	for i := range object.Spec.Containers {
		p.main = append(p.main, newContainer(p, &object.Spec.Containers[i], reason))
	}
	return p
}

// seen takes what the API server says about the pod now.
func (p *pod) seen(object *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.object = object
	p.touch()
	if object.DeletionTimestamp != nil && object.DeletionGracePeriodSeconds != nil {
		p.terminate(seconds(*object.DeletionGracePeriodSeconds))
	}
}

// gone is told that the object exists no longer: there is nothing to be graceful for.
func (p *pod) gone() { p.kill() }

// terminate lets the containers end within grace. A later call can only shorten it.
// The caller holds mu.
func (p *pod) terminate(grace time.Duration) {
	p.end()
	expires := time.Now().Add(grace)
	switch {
	case p.expiry == nil:
		p.expiry = time.AfterFunc(grace, p.expire)
	case expires.Before(p.expires):
		p.expiry.Reset(grace)
	default:
		return
	}
	p.expires = expires
}

// run returns when nothing of the pod is left: no process, no address and, unless
// the node ends, no object.
func (p *pod) run() {
	defer p.forget()
	if err := p.plug(); err != nil {
		p.complain(err)
	}
	alive := make(chan struct{})
	go func() {
		defer close(alive)
		if !p.past() {
			p.live()
		}
	}()
	p.report(alive)
	p.settle()
	for !p.deleted() {
		select {
		case <-p.changed:
		case <-p.killed.Done():
			return
		}
	}
	p.remove()
}

func (p *pod) deleted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object.DeletionTimestamp != nil
}

// past tells a pod that ran to its end in an earlier life of the node.
func (p *pod) past() bool { return podutil.IsPodPhaseTerminal(p.origin.Status.Phase) }

// live runs the containers until none runs and none will.
func (p *pod) live() {
	defer p.update(func() { p.over = true })
	for p.plug() != nil {
		if pause(p.stop, time.Second) != nil {
			return
		}
	}
	defer p.node.addresses.give(p.ip)
	for p.mount(p.stop) != nil {
		if pause(p.stop, firstDelay) != nil {
			return
		}
	}
	if s := p.origin.Spec.ActiveDeadlineSeconds; s != nil {
		timer := time.AfterFunc(seconds(*s), p.expired)
		defer timer.Stop()
	}
	sidecars, stopSidecars := context.WithCancel(p.grace)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stopSidecars()
	for _, c := range p.initial {
		if !podutil.IsRestartableInitContainer(c.spec) {
			if !c.run(p.stop) {
				return
			}
			continue
		}
		beside.Go(func() { c.run(sidecars) })
		select {
		case <-c.begun:
		case <-p.stop.Done():
			return
		}
	}
	var all sync.WaitGroup
	for _, c := range p.main {
		all.Go(func() { c.run(p.stop) })
	}
	all.Wait()
}

// plug gives the pod its address, unless it has one.
func (p *pod) plug() error {
	if p.ip.IsValid() {
		return nil
	}
	ip, err := p.node.addresses.take()
	if err == nil {
		p.update(func() { p.ip = ip })
	}
	return err
}

// forget frees what the end of a pod leaves behind.
func (p *pod) forget() {
	p.kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.expiry != nil {
		p.expiry.Stop()
	}
}

// expired ends a pod whose active deadline is over.
func (p *pod) expired() {
	p.update(func() {
		p.deadline = true
		grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
		if s := p.origin.Spec.TerminationGracePeriodSeconds; s != nil {
			grace = *s
		}
		p.terminate(seconds(grace))
	})
}

// update changes something that the status tells.
func (p *pod) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.touch()
}

// touch asks for a report.
func (p *pod) touch() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// complain prints what no status tells.
func (p *pod) complain(err error) {
	_, _ = fmt.Fprintln(&lines{output: p.node.output, prefix: p.origin.Namespace + "/" + p.origin.Name}, err)
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
