package worker

import (
	"cmp"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Options are what a worker reads from its environment, besides Temporal's own
// variables and profiles.
type Options struct {
	// TaskQueue is polled, SERIN_TASK_QUEUE. "serin" runs workflows and every activity; any
	// other queue is a target's: its workers run only the steps that touch that target.
	TaskQueue string
	// Artifacts is the address of the artifact store, SERIN_ARTIFACTS; "" is a folder under
	// the user's state directory.
	Artifacts string
	// Shared says that the artifact folder is shared with every worker, SERIN_ARTIFACTS_SHARED=1.
	Shared bool
	// Listen is where health and metrics are served, SERIN_LISTEN, such as ":9464"; "" serves neither.
	Listen string
}

// FromEnvironment reads Options through getenv, such as os.Getenv.
func FromEnvironment(getenv func(string) string) Options {
	return Options{
		TaskQueue: cmp.Or(getenv("SERIN_TASK_QUEUE"), rollout.DefaultTaskQueue),
		Artifacts: getenv("SERIN_ARTIFACTS"),
		Shared:    getenv("SERIN_ARTIFACTS_SHARED") == "1",
		Listen:    getenv("SERIN_LISTEN"),
	}
}

// private reports whether only workers that share this machine's disk can read the store.
func (o Options) private() bool {
	return !o.Shared && (o.Artifacts == "" || strings.HasPrefix(o.Artifacts, "file://"))
}
