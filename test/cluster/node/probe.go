package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/probe"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	tcpprobe "k8s.io/kubernetes/pkg/probe/tcp"
	"k8s.io/utils/ptr"
)

// watch probes a running container: the startup probe until it succeeds, then
// liveness and readiness. Failed gets a startup or liveness probe that failed; these
// two end with stop, as a container that ends needs no proof of life. Readiness goes
// on until ctx ends, and only then do they all.
func (c *container) watch(ctx, stop context.Context, failed func(*corev1.Probe)) *sync.WaitGroup {
	var all sync.WaitGroup
	alive, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(stop, cancel)
	started := time.Now()
	readiness, liveness, startup := c.spec.ReadinessProbe, c.spec.LivenessProbe, c.spec.StartupProbe
	all.Go(func() {
		defer cancel()
		defer unlink()
		if !c.startup(alive, startup, failed, started) {
			return
		}
		c.change(func(s *corev1.ContainerStatus) { s.Started, s.Ready = ptr.To(true), readiness == nil })
		c.begin.Do(func() { close(c.begun) })
		if readiness != nil {
			all.Go(func() {
				(&prober{readiness, c.check, started}).repeat(ctx, func(ok bool) bool {
					c.change(func(s *corev1.ContainerStatus) { s.Ready = ok })
					return true
				})
			})
		}
		if liveness != nil {
			(&prober{liveness, c.check, started}).repeat(alive, func(ok bool) bool {
				if !ok {
					failed(liveness)
				}
				return ok
			})
		}
	})
	return &all
}

// startup returns whether the container has started.
func (c *container) startup(ctx context.Context, p *corev1.Probe, failed func(*corev1.Probe), since time.Time) bool {
	if p == nil {
		return true
	}
	started := false
	(&prober{p, c.check, since}).repeat(ctx, func(ok bool) bool {
		if started = ok; !ok {
			failed(p)
		}
		return false
	})
	return started
}

// prober makes one container's probes of one kind.
type prober struct {
	spec  *corev1.Probe
	check func(context.Context, *corev1.Probe) (bool, error)
	since time.Time // the container's start
}

// repeat probes after the initial delay and then every period. Verdict is told when
// as many probes in a row as the threshold say the same, once for each such row; it
// returns whether to go on. A probe that could not be made says nothing.
func (p *prober) repeat(ctx context.Context, verdict func(ok bool) bool) {
	if pause(ctx, time.Until(p.since.Add(seconds(int64(p.spec.InitialDelaySeconds))))) != nil {
		return
	}
	period := time.NewTicker(seconds(int64(max(p.spec.PeriodSeconds, 1))))
	defer period.Stop()
	last, row := false, int32(0)
	for ctx.Err() == nil {
		if ok, err := p.check(ctx, p.spec); err == nil && ctx.Err() == nil {
			if ok != last {
				last, row = ok, 0
			}
			row++
			threshold := p.spec.FailureThreshold
			if ok {
				threshold = p.spec.SuccessThreshold
			}
			if row == max(threshold, 1) && !verdict(ok) {
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-period.C:
		}
	}
}

// check makes one probe, by the code of the kubelet.
func (c *container) check(ctx context.Context, p *corev1.Probe) (bool, error) {
	timeout := seconds(int64(max(p.TimeoutSeconds, 1)))
	var result probe.Result
	var err error
	switch {
	case p.HTTPGet != nil:
		result, err = c.get(ctx, p.HTTPGet, timeout)
	case p.TCPSocket != nil:
		host, port := p.TCPSocket.Host, 0
		if host == "" {
			host = c.pod.addressed().Status.PodIP
		}
		if port, err = probe.ResolveContainerPort(p.TCPSocket.Port, c.spec); err == nil {
			result, _, err = tcpprobe.New().Probe(host, port, timeout)
		}
	default:
		err = errors.New("a probe of neither httpGet nor tcpSocket")
	}
	return result == probe.Success || result == probe.Warning, err
}

func (c *container) get(ctx context.Context, action *corev1.HTTPGetAction, timeout time.Duration) (probe.Result, error) {
	request, err := httpprobe.NewRequestForHTTPGetAction(action, c.spec, c.pod.addressed().Status.PodIP, "probe")
	if err != nil {
		return probe.Unknown, err
	}
	result, _, err := httpprobe.New(false).Probe(request.WithContext(ctx), timeout)
	return result, err
}

// supported refuses what would otherwise be left out silently.
func (c *container) supported() error {
	for name, p := range map[string]*corev1.Probe{
		"startupProbe": c.spec.StartupProbe, "readinessProbe": c.spec.ReadinessProbe, "livenessProbe": c.spec.LivenessProbe,
	} {
		if p != nil && p.HTTPGet == nil && p.TCPSocket == nil {
			return fmt.Errorf("%s: this node knows httpGet and tcpSocket", name)
		}
	}
	if c.spec.Lifecycle != nil && c.spec.Lifecycle.PreStop != nil {
		if _, err := c.hook(c.spec.Lifecycle.PreStop); err != nil {
			return fmt.Errorf("preStop: %w", err)
		}
	}
	return nil
}
