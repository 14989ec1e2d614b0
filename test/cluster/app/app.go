// Package app is what runs in the containers of the test cluster: its images, each
// a few lines of Go. A program that imports it is a container when its first argument
// is Role. It imports the standard library only, so that a pod is a small process.
package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// usage is what Main is called with.
const usage = "app <image> <pod name> <pod IP> <default port>"

// terminated is the exit code of a program that SIGTERM ended.
const terminated = 128 + int(syscall.SIGTERM)

// Main runs a container and returns its exit code: args are the image, the pod's
// name, its IP and the port to serve on unless PORT says another. The end of ctx
// is as good as a SIGTERM. Every image prints a line on stdout as soon as it is up.
//
// The variables, with durations as Go writes them ("1m30s"):
//
//	PORT         the port to listen on
//	START_DELAY  how long not to listen at first
//	FAIL_HEALTH  1 lets /healthz answer 503
//	ERROR_RATE   the share of requests that get a 500, in percent, 0 to 100
//	EXIT_AFTER   how long to live before exiting with 1
//	PRESTOP      how long to go on serving after SIGTERM
//	DURATION     how long a job runs
func Main(ctx context.Context, getenv func(string) string, args ...string) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Stdout, getenv, args)
}

func run(ctx context.Context, out io.Writer, getenv func(string) string, args []string) int {
	if len(args) != 4 {
		return refuse(out, fmt.Errorf("want %s, got %q", usage, args))
	}
	image, err := Find(args[0])
	if err != nil {
		return refuse(out, err)
	}
	env := environment{get: getenv}
	switch image.repository {
	case crashImage:
		line(out, "crash: as this image always does")
		return 1
	case jobImage:
		return job(ctx, out, image, env.duration("DURATION"), env.err)
	}
	s := settings(image, &env, args[1:])
	if env.err != nil {
		return refuse(out, env.err)
	}
	return s.serve(ctx, out)
}

func job(ctx context.Context, out io.Writer, image Image, lasts time.Duration, err error) int {
	if err != nil {
		return refuse(out, err)
	}
	line(out, fmt.Sprintf("job: exits %d in %s", image.exit, lasts))
	select {
	case <-ctx.Done():
		return terminated
	case <-time.After(lasts):
		return image.exit
	}
}

func refuse(out io.Writer, err error) int {
	line(out, err.Error())
	return 2
}

// line ends with the pipe that it is written to: nobody is left to be told.
func line(out io.Writer, s string) { _, _ = fmt.Fprintln(out, s) }
