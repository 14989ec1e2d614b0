package worker

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/serin-dev/serin/activities"
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
	// WorkflowCache is how many workflows are kept in memory between two of their steps,
	// SERIN_WORKFLOW_CACHE; another one is replayed from its history. 0 is DefaultWorkflowCache.
	WorkflowCache int
	// KubernetesQPS bounds the requests per second to one Kubernetes API server in the long
	// run, SERIN_KUBERNETES_QPS; 0 is the provider's default.
	KubernetesQPS int
	// KubernetesBurst bounds those at once, SERIN_KUBERNETES_BURST; 0 is the provider's default.
	KubernetesBurst int
	// Hosts may be sent requests that a configuration asks for, SERIN_HTTP_HOSTS: names separated
	// by commas, each with or without a port, or "*.shop.svc". None by default.
	Hosts activities.Hosts
	// Secrets is the folder with what configurations refer to as a file, SERIN_SECRETS; "" allows
	// no file. Variables that they refer to begin with SERIN_SECRET_.
	Secrets string
}

// DefaultWorkflowCache keeps a worker small while thousands of rollouts wait for people: what
// waits needs no memory, and is short to replay.
const DefaultWorkflowCache = 400

// FromEnvironment reads Options through getenv, such as os.Getenv. Invalid is the kind of
// its error.
func FromEnvironment(getenv func(string) string) (Options, error) {
	o := Options{
		TaskQueue: cmp.Or(getenv("SERIN_TASK_QUEUE"), rollout.DefaultTaskQueue),
		Artifacts: getenv("SERIN_ARTIFACTS"),
		Shared:    getenv("SERIN_ARTIFACTS_SHARED") == "1",
		Listen:    getenv("SERIN_LISTEN"),
		Secrets:   getenv("SERIN_SECRETS"),
	}
	var err error
	if o.Hosts, err = hosts(getenv("SERIN_HTTP_HOSTS")); err != nil {
		return o, err
	}
	if o.WorkflowCache, err = positive(getenv, "SERIN_WORKFLOW_CACHE"); err != nil {
		return o, err
	}
	if o.KubernetesQPS, err = positive(getenv, "SERIN_KUBERNETES_QPS"); err != nil {
		return o, err
	}
	o.KubernetesBurst, err = positive(getenv, "SERIN_KUBERNETES_BURST")
	return o, err
}

// hosts reads "gate.shop.svc, *.test". What is no name of a host would allow nothing, silently.
func hosts(text string) (activities.Hosts, error) {
	var out activities.Hosts
	for each := range strings.SplitSeq(text, ",") {
		host := strings.TrimSpace(each)
		if host == "" {
			continue
		}
		if u, err := url.Parse("http://" + strings.TrimPrefix(host, "*.")); err != nil || u.Host == "" || "http://"+u.Host != u.String() || strings.Contains(u.Host, "*") {
			return nil, &rollout.Error{
				Op: "read the environment", On: "SERIN_HTTP_HOSTS=" + text, Kind: rollout.Invalid,
				Err: fmt.Errorf("%q is no host", host), Fix: "give names such as gate.shop.svc, gate.shop.svc:8080 or *.shop.svc, separated by commas",
			}
		}
		out = append(out, host)
	}
	return out, nil
}

// positive reads a number above 0; 0 is a variable that is not set.
func positive(getenv func(string) string, name string) (int, error) {
	text := getenv(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, &rollout.Error{
			Op: "read the environment", On: name + "=" + text, Kind: rollout.Invalid,
			Err: errors.New("it is no whole number above 0"), Fix: "give one, or leave it out for the default",
		}
	}
	return n, nil
}

// private reports whether only workers that share this machine's disk can read the store.
func (o Options) private() bool {
	return !o.Shared && (o.Artifacts == "" || strings.HasPrefix(o.Artifacts, "file://"))
}
