package main

import (
	"os"
	"slices"
	"strings"
)

// isolated is environ without what would lead Serin's programs to another Temporal
// or another store: their variables, and Temporal's own file of profiles.
func isolated(environ []string) []string {
	out := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		return strings.HasPrefix(v, "TEMPORAL_") || strings.HasPrefix(v, "SERIN_")
	})
	return append(out, "TEMPORAL_CONFIG_FILE="+os.DevNull)
}

// borrowEnvironment makes environ the environment of this process until giveBack
// is called. Temporal's client reads no other one.
func borrowEnvironment(environ []string) (giveBack func()) {
	before := os.Environ()
	setEnvironment(environ)
	return func() { setEnvironment(before) }
}

func setEnvironment(environ []string) {
	os.Clearenv()
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if name != "" {
			_ = os.Setenv(name, value) // fails for a name that no environment can hold
		}
	}
}
