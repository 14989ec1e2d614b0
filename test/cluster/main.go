// Command cluster is a Kubernetes cluster for tests in one binary: a real control plane,
// nodes whose pods are processes, nodes that only pretend, and a gateway. It needs no
// root, no container runtime and no network, but Linux with user namespaces.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/serin-dev/serin/test/cluster/app"
	"github.com/serin-dev/serin/test/cluster/control"
	"github.com/serin-dev/serin/test/cluster/kwok"
	"github.com/serin-dev/serin/test/cluster/launch"
	"github.com/serin-dev/serin/test/cluster/netns"
)

const usage = `usage: cluster start|up [flags]

  start  for tests: prints one line of JSON when ready, and ends with its stdin
  up     for people: prints how to use it, and ends with Ctrl-C

cluster start -h and cluster up -h list the flags.
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	role, args := os.Args[1], os.Args[2:]
	if role == "app" {
		os.Exit(app.Main(context.Background(), os.Getenv, args...))
	}
	os.Args = append([]string{role}, args...) // some of what follows reads its flags there
	if code, ok := control.Role(role, args); ok {
		os.Exit(code)
	}
	err := run(role, args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "cluster %s: %v\n", role, err)
	}
	os.Exit(code(err))
}

func run(role string, args []string) error {
	if role == kwok.Role {
		return kwok.Run()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop() // not before the end: a terminal and make may both send a Ctrl-C, and the end takes seconds at most
	switch role {
	case launch.RoleStart, launch.RoleUp:
		return launch.Outside(ctx, role, args, launch.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	case launch.RoleInside:
		return launch.Inside(ctx, args, os.Stdin, os.Stdout)
	}
	fmt.Fprint(os.Stderr, usage)
	return fmt.Errorf("%q is none of start, up", role)
}

func code(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, netns.ErrNotPermitted):
		return launch.ExitNotPermitted
	default:
		return 1
	}
}
