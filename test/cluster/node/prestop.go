package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// preStop runs the hook until it is done, the process has ended or ctx ends. That a
// hook failed does not stop the end.
func (c *container) preStop(ctx context.Context, process *process) {
	if c.spec.Lifecycle == nil || c.spec.Lifecycle.PreStop == nil {
		return
	}
	hook, err := c.hook(c.spec.Lifecycle.PreStop)
	if err != nil {
		return // it was refused before the container was created
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := hook(ctx); err != nil && ctx.Err() == nil {
			c.pod.complain(fmt.Errorf("preStop of %s: %w", c.spec.Name, err))
		}
	}()
	select {
	case <-done:
	case <-process.done:
	}
	cancel()
	<-done
}

// hook knows sleep, httpGet and, of all commands, sleep: a container here is not
// fenced in, so a manifest's command would run as the user who runs the tests.
func (c *container) hook(h *corev1.LifecycleHandler) (func(context.Context) error, error) {
	switch {
	case h.Sleep != nil:
		return func(ctx context.Context) error { return pause(ctx, seconds(h.Sleep.Seconds)) }, nil
	case h.HTTPGet != nil:
		return func(ctx context.Context) error {
			_, err := c.get(ctx, h.HTTPGet, time.Hour) // the grace period ends it
			return err
		}, nil
	case h.Exec != nil:
		d, err := sleep(h.Exec.Command)
		return func(ctx context.Context) error { return pause(ctx, d) }, err
	}
	return nil, fmt.Errorf("this node knows sleep, httpGet and exec of sleep")
}

// sleep reads ["sleep", "5"] and ["/bin/sh", "-c", "sleep 5"], with the units of sleep(1).
func sleep(command []string) (time.Duration, error) {
	words := command
	if len(command) == 3 && command[1] == "-c" {
		words = strings.Fields(command[2])
	}
	if len(words) != 2 || (words[0] != "sleep" && words[0] != "/bin/sleep") {
		return 0, fmt.Errorf("exec %q: of all commands this node knows sleep", command)
	}
	amount := words[1]
	if !strings.ContainsAny(amount[len(amount)-1:], "smh") {
		amount += "s"
	}
	d, err := time.ParseDuration(amount)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("exec %q: want a time such as 5 or 1m", command)
	}
	return d, nil
}
