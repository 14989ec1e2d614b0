package app

import (
	"context"
	"os"
)

// Role is the first argument of a program that imports this package when it shall be
// a container and nothing else.
const Role = "app"

// A container is one of a hundred, and its program is all of Kubernetes, whose
// packages take their time and memory to be initialized. This package needs only
// the standard library, so it comes before them, and here they never come. It makes
// a pod ready in half the time.
func init() { //nolint:gochecknoinits // main would be too late
	if len(os.Args) > 1 && os.Args[1] == Role {
		os.Exit(Main(context.Background(), os.Getenv, os.Args[2:]...)) //nolint:forbidigo // this is the container's main
	}
}
