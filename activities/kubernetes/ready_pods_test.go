package kubernetes

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// born is when every pod of these tests was made.
func born() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

func podOf(t *testing.T, status string) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(status), p); err != nil {
		t.Fatal(err)
	}
	p.CreationTimestamp = metav1.NewTime(born())
	if p.Name == "" {
		p.Name = "shop-canary-7d9f-x1"
	}
	p.Namespace = "prod"
	return p
}

// TestTroubles holds every reason a pod can fail for: the text, and for how long it
// is only progress.
func TestTroubles(t *testing.T) {
	t.Parallel()
	const never = -1 * time.Second
	for _, row := range []struct {
		name, pod, want string
		after           time.Duration // since the pod was made
	}{{
		name: "a container that crashes tells how it ended",
		pod: `
status: {containerStatuses: [{name: app, restartCount: 3,
  state: {waiting: {reason: CrashLoopBackOff, message: back-off 40s restarting failed container}},
  lastState: {terminated: {exitCode: 1, reason: Error, message: "no database at\n  db:5432\n"}}}]}`,
		want: "container app of pod shop-canary-7d9f-x1 crashes (3 restarts so far): exit code 1, Error: no database at db:5432",
	}, {
		name: "a message that is a piece of the log is not told",
		pod: `
spec: {containers: [{name: app, terminationMessagePolicy: FallbackToLogsOnError}]}
status: {containerStatuses: [{name: app, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}},
  lastState: {terminated: {exitCode: 1, reason: Error, message: "password=hunter2"}}}]}`,
		want: "container app of pod shop-canary-7d9f-x1 crashes (1 restart so far): exit code 1, Error" +
			" (kubectl logs -n prod shop-canary-7d9f-x1 -c app --previous tells more)",
	}, {
		name: "out of memory",
		pod: `
status: {containerStatuses: [{name: sidecar, ready: true, state: {running: {}}}, {name: app, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}},
  lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}`,
		want: "container app of pod shop-canary-7d9f-x1 crashes (2 restarts so far): exit code 137, OOMKilled" +
			" (kubectl logs -n prod shop-canary-7d9f-x1 -c app --previous tells more)",
	}, {
		name: "one end is not a loop yet",
		pod: `
status: {containerStatuses: [{name: app, restartCount: 0, state: {waiting: {reason: CrashLoopBackOff}}}]}`,
	}, {
		name: "an init container that crashes",
		pod: `
status: {initContainerStatuses: [{name: migrate, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}},
  lastState: {terminated: {exitCode: 2, reason: Error, message: "table exists"}}}],
  containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]}`,
		want: "container migrate of pod shop-canary-7d9f-x1 crashes (1 restart so far): exit code 2, Error: table exists",
	}, {
		name: "an image that cannot be pulled, counted from when the pod got its node",
		pod: `
status: {conditions: [{type: PodScheduled, status: "True", lastTransitionTime: "2026-05-04T12:00:05Z"}],
  containerStatuses: [{name: app, state: {waiting: {reason: ImagePullBackOff, message: "Back-off pulling image \"shop:v2\": not found."}}}]}`,
		want:  `container app of pod shop-canary-7d9f-x1: ImagePullBackOff: Back-off pulling image "shop:v2": not found`,
		after: 35 * time.Second,
	}, {
		name:  "a first failed pull may be a blip",
		pod:   `status: {containerStatuses: [{name: app, state: {waiting: {reason: ErrImagePull, message: timeout}}}]}`,
		want:  "container app of pod shop-canary-7d9f-x1: ErrImagePull: timeout",
		after: 30 * time.Second,
	}, {
		name: "an image name that is none never becomes one",
		pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: InvalidImageName, message: "couldn't parse image name"}}}]}`,
		want: "container app of pod shop-canary-7d9f-x1: InvalidImageName: couldn't parse image name",
	}, {
		name: "a Secret that is missing, counted from the end of the last init container",
		pod: `
status: {initContainerStatuses: [{name: migrate, state: {terminated: {exitCode: 0, finishedAt: "2026-05-04T12:02:00Z"}}}],
  containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerConfigError, message: 'secret "db" not found'}}}]}`,
		want:  `container app of pod shop-canary-7d9f-x1: CreateContainerConfigError: secret "db" not found`,
		after: 2*time.Minute + 30*time.Second,
	}, {
		name: "a container that was up once, counted from its end",
		pod: `
status: {containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerError, message: no space left on device}},
  lastState: {terminated: {exitCode: 0, finishedAt: "2026-05-04T13:00:00Z"}}}]}`,
		want:  "container app of pod shop-canary-7d9f-x1: CreateContainerError: no space left on device",
		after: time.Hour + 30*time.Second,
	}, {
		name: "a command that does not exist, counted from when the pod was initialized",
		pod: `
status: {conditions: [{type: Initialized, status: "True", lastTransitionTime: "2026-05-04T12:01:00Z"}],
  containerStatuses: [{name: app, state: {waiting: {reason: RunContainerError, message: 'exec: "/app": no such file'}}}]}`,
		want:  `container app of pod shop-canary-7d9f-x1: RunContainerError: exec: "/app": no such file`,
		after: 90 * time.Second,
	}, {
		name: "no node takes the pod",
		pod: `
status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable,
  message: "0/3 nodes are available: 3 Insufficient cpu.", lastTransitionTime: "2026-05-04T12:00:10Z"}]}`,
		want:  "pod shop-canary-7d9f-x1 cannot be scheduled: 0/3 nodes are available: 3 Insufficient cpu",
		after: 40 * time.Second,
	}, {
		name: "a pod that waits for its scheduling gates is in no trouble",
		pod:  `status: {conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated}]}`,
	}, {
		name: "nor is one that starts",
		pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
	}, {
		name: "one that was evicted is replaced",
		pod:  `status: {phase: Failed, reason: Evicted, containerStatuses: [{name: app, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}}]}`,
	}, {
		name: "one that is being deleted does not count",
		pod: `
metadata: {deletionTimestamp: "2026-05-04T12:00:00Z"}
status: {containerStatuses: [{name: app, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}}]}`,
	}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, after := "", never
			if found := troubles([]*corev1.Pod{podOf(t, row.pod)}); len(found) > 0 {
				got, after = found[0].text, max(0, found[0].fatalAt.Sub(born()))
			}
			if row.want == "" {
				row.after = never
			}
			if got != row.want || after != row.after {
				t.Errorf("got %q after %s, want %q after %s", got, after, row.want, row.after)
			}
		})
	}
}

func TestTroublesAreShort(t *testing.T) {
	t.Parallel()
	p := podOf(t, `status: {containerStatuses: [{name: app, state: {waiting: {reason: InvalidImageName}}}]}`)
	p.Status.ContainerStatuses[0].State.Waiting.Message = strings.Repeat("ü", 10_000)
	if got := troubles([]*corev1.Pod{p})[0].text; len(got) > 2*maxText || !strings.HasSuffix(got, "ü...") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestUnready(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, pod, want string }{
		{"ready", `status: {conditions: [{type: Ready, status: "True"}]}`, ""},
		{"ending", `metadata: {deletionTimestamp: "2026-05-04T12:00:00Z"}`, ""},
		{"new", `{}`, "pod shop-canary-7d9f-x1 starts"},
		{
			"gated", `status: {conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated}]}`,
			"pod shop-canary-7d9f-x1 waits for a node: SchedulingGated",
		},
		{
			"creating", `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			"pod shop-canary-7d9f-x1 waits with container app: ContainerCreating",
		},
		{
			"ended", `status: {containerStatuses: [{name: app, state: {terminated: {exitCode: 3}}}]}`,
			"pod shop-canary-7d9f-x1 restarts container app, which ended with exit code 3",
		},
		{
			"probed", `status: {initContainerStatuses: [{name: migrate, ready: true, state: {terminated: {exitCode: 0}}}], containerStatuses: [{name: app, state: {running: {}}}]}`,
			"pod shop-canary-7d9f-x1 runs, but container app is not ready",
		},
		{
			"readiness gate", `{spec: {readinessGates: [{conditionType: lb/ready}]}, status: {containerStatuses: [{name: app, ready: true, state: {running: {}}}]}}`,
			"pod shop-canary-7d9f-x1 runs, but its readiness gate lb/ready is not true",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := unready([]*corev1.Pod{podOf(t, row.pod)}); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
