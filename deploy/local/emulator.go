package main

import "context"

// part is something that runs beside Temporal, such as a platform in memory.
type part struct {
	name        string // as printed
	address     string
	environment []string // NAME=value for whoever is to use it
	stop        func() error
}

// starter starts a part.
type starter func(ctx context.Context) (part, error)

// starters are the parts that run beside Temporal.
func starters() []starter { return nil }
