package node

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	"k8s.io/utils/ptr"

	"github.com/serin-dev/serin/test/cluster/app"
)

// The back-off of restarts and of image pulls, a kubelet's 10 s to 5 min made short.
const (
	firstDelay = 200 * time.Millisecond
	lastDelay  = 2 * time.Second
)

// AnnotationBackOff of a pod is how long its containers wait for each restart but the first, such as "10s", for
// who looks at one that waits.
const AnnotationBackOff = "serin.test/back-off"

// minimalGrace is what a container has after its preStop hook at least, as with a kubelet.
const minimalGrace = 2 * time.Second

// defaultPort is served where neither PORT nor the container says another.
const defaultPort = 8080

// container is one container of a pod over all its lives.
type container struct {
	pod    *pod
	spec   *corev1.Container
	out    *lines
	begun  chan struct{} // closed when it has started for the first time, startup probe included
	begin  sync.Once
	status corev1.ContainerStatus

	delay time.Duration // before the next restart
	since time.Time     // of its last start
}

func newContainer(p *pod, spec *corev1.Container, waiting string) *container {
	return &container{
		pod: p, spec: spec, begun: make(chan struct{}),
		out: &lines{output: p.node.output, prefix: p.origin.Namespace + "/" + p.origin.Name + " " + spec.Name},
		status: corev1.ContainerStatus{
			Name: spec.Name, Image: spec.Image, Started: ptr.To(false),
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waiting}},
		},
	}
}

// run is the container until it need not be restarted, or until stop ends. It
// returns whether it ended by itself with success.
func (c *container) run(stop context.Context) bool {
	for {
		process := c.create(stop)
		if process == nil {
			return false
		}
		c.live(stop, process)
		switch {
		case stop.Err() != nil:
			return false
		case process.code == 0 && c.isStep():
			c.change(func(s *corev1.ContainerStatus) { s.Ready = true })
			return true
		case !podutil.ContainerShouldRestart(*c.spec, c.pod.origin.Spec, int32(process.code)):
			return process.code == 0
		case !c.backOff(stop):
			return false
		}
	}
}

// isStep tells an init container that the next one waits for.
func (c *container) isStep() bool {
	for _, i := range c.pod.initial {
		if i == c {
			return !podutil.IsRestartableInitContainer(c.spec)
		}
	}
	return false
}

// obstacle is why a container cannot start now, as its waiting state tells it.
type obstacle struct{ reason, message string }

// Error makes it pass where errors pass.
func (o *obstacle) Error() string { return o.reason + ": " + o.message }

// create starts a process as soon as that is possible; nil when stop ends before.
func (c *container) create(stop context.Context) *process {
	for delay := firstDelay; stop.Err() == nil; delay = min(2*delay, lastDelay) {
		process, err := c.try(stop)
		if err == nil {
			return process
		}
		why := &obstacle{reason: "RunContainerError", message: err.Error()}
		if errors.As(err, &why) && why.reason == "ErrImagePull" {
			c.wait(why)
			_ = pause(stop, firstDelay)
			why = &obstacle{reason: "ImagePullBackOff", message: fmt.Sprintf("Back-off pulling image %q: %s", c.spec.Image, why)}
		}
		if stop.Err() == nil {
			c.wait(why)
		}
		_ = pause(stop, delay)
	}
	return nil
}

// try starts a process or returns an obstacle.
func (c *container) try(ctx context.Context) (*process, error) {
	if _, err := app.Find(c.spec.Image); err != nil {
		return nil, &obstacle{reason: "ErrImagePull", message: err.Error()}
	}
	if err := c.supported(); err != nil {
		return nil, &obstacle{reason: "CreateContainerError", message: err.Error()}
	}
	env := &environment{client: c.pod.node.client, pod: c.pod.addressed()}
	variables, err := env.variables(ctx, c.spec)
	if err != nil {
		return nil, &obstacle{reason: "CreateContainerConfigError", message: err.Error()}
	}
	port := defaultPort
	if len(c.spec.Ports) > 0 {
		port = int(c.spec.Ports[0].ContainerPort)
	}
	cmd := exec.CommandContext(c.pod.killed, c.pod.node.executable, app.Role,
		c.spec.Image, env.pod.Name, env.pod.Status.PodIP, strconv.Itoa(port))
	cmd.Env = variables
	return c.pod.node.processes.start(cmd, c.out)
}

func (c *container) wait(why *obstacle) {
	c.change(func(s *corev1.ContainerStatus) {
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: why.reason, Message: why.message}}
	})
}

// live is one life of the container, up to its end.
func (c *container) live(stop context.Context, process *process) {
	select { // a program is up when it has printed something
	case <-process.up:
	case <-process.done:
	}
	started := metav1.Now()
	c.since = started.Time
	c.change(func(s *corev1.ContainerStatus) {
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		if s.LastTerminationState.Terminated != nil {
			s.RestartCount++
		}
		s.ContainerID, s.ImageID = "process://"+string(uuid.NewUUID()), c.spec.Image
		s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}
	})
	ctx, cancel := context.WithCancel(c.pod.killed)
	failed := make(chan *corev1.Probe, 1) // one at most fails
	probes := c.watch(ctx, stop, func(p *corev1.Probe) { failed <- p })
	select {
	case <-process.done:
	case <-stop.Done():
		c.terminate(c.pod.grace, process)
	case probe := <-failed:
		grace, end := context.WithTimeout(c.pod.grace, c.patience(probe))
		c.terminate(grace, process)
		end()
	}
	cancel()
	probes.Wait()
	c.change(func(s *corev1.ContainerStatus) {
		s.Ready, s.Started = false, ptr.To(false)
		s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: int32(process.code), Reason: ending(process.code), ContainerID: s.ContainerID,
			StartedAt: started, FinishedAt: metav1.Now(),
		}}
	})
}

func ending(code int) string {
	if code == 0 {
		return "Completed"
	}
	return "Error"
}

// patience is the grace period of a container that probe says is broken.
func (c *container) patience(probe *corev1.Probe) time.Duration {
	switch {
	case probe.TerminationGracePeriodSeconds != nil:
		return seconds(*probe.TerminationGracePeriodSeconds)
	case c.pod.origin.Spec.TerminationGracePeriodSeconds != nil:
		return seconds(*c.pod.origin.Spec.TerminationGracePeriodSeconds)
	}
	return minimalGrace
}

// terminate returns when process has ended: the preStop hook, SIGTERM, and SIGKILL
// when grace ends, but not before minimalGrace.
func (c *container) terminate(grace context.Context, process *process) {
	c.preStop(grace, process)
	process.signal(syscall.SIGTERM)
	minimum := time.NewTimer(minimalGrace)
	defer minimum.Stop()
	select {
	case <-process.done:
	case <-grace.Done():
		select {
		case <-process.done:
		case <-c.pod.killed.Done():
		case <-minimum.C:
		}
	}
	process.signal(syscall.SIGKILL)
	<-process.done
}

// backOff waits before a restart: not at all for the first, and anew after a life
// of twice the longest delay. It returns false when stop ends before.
func (c *container) backOff(stop context.Context) bool {
	delay := c.delay
	if time.Since(c.since) > 2*lastDelay {
		delay = 0
	}
	c.delay = max(firstDelay, min(2*delay, lastDelay))
	if long, err := time.ParseDuration(c.pod.origin.Annotations[AnnotationBackOff]); err == nil {
		c.delay = long
	}
	if delay == 0 {
		return true
	}
	p, before := c.pod.origin, c.status
	c.wait(&obstacle{reason: "CrashLoopBackOff", message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
		delay, c.spec.Name, p.Name, p.Namespace, p.UID)})
	if pause(stop, delay) != nil {
		c.change(func(s *corev1.ContainerStatus) {
			s.State, s.LastTerminationState = before.State, before.LastTerminationState
		})
		return false
	}
	return true
}

// change changes the status.
func (c *container) change(f func(*corev1.ContainerStatus)) {
	c.pod.update(func() { f(&c.status) })
}
