package node

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestAPodServes(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1"))
	p := w.until("web", "ready", ready)
	if body, code := get(t, p, "/"); code != 200 || body != "hello from v1\n" {
		t.Errorf("got %d %q, want the app", code, body)
	}
	s := p.Status
	c := s.ContainerStatuses[0]
	if s.Phase != corev1.PodRunning || s.PodIP == "" || s.PodIPs[0].IP != s.PodIP || s.HostIP == "" || s.StartTime == nil {
		t.Errorf("got status %+v", s)
	}
	if !c.Ready || c.Started == nil || !*c.Started || c.State.Running == nil || c.RestartCount != 0 || c.Image != "serin.test/app:v1" || c.ContainerID == "" {
		t.Errorf("got container %+v", c)
	}
	for _, want := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady, corev1.PodReadyToStartContainers} {
		if !is(p, want, corev1.ConditionTrue) {
			t.Errorf("condition %s is not True in %+v", want, s.Conditions)
		}
	}
}

func TestAPodEnds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		pod    *corev1.Pod
		phase  corev1.PodPhase
		code   int32
		reason string
	}{
		{"a job that succeeds", web("serin.test/job:0", restart(corev1.RestartPolicyNever)), corev1.PodSucceeded, 0, "Completed"},
		{"a job that fails", web("serin.test/job:3", restart(corev1.RestartPolicyNever)), corev1.PodFailed, 3, "Error"},
		{"a job that succeeds and would be restarted", web("serin.test/job:0", restart(corev1.RestartPolicyOnFailure)), corev1.PodSucceeded, 0, "Completed"},
		{"a deadline", web("serin.test/job:0", restart(corev1.RestartPolicyNever), env("DURATION", "1h"), func(p *corev1.Pod) {
			one := int64(1)
			p.Spec.ActiveDeadlineSeconds = &one
		}), corev1.PodFailed, 143, "Error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := begin(t, row.pod)
			p := w.until("web", "at its end", ended)
			c := p.Status.ContainerStatuses[0]
			if p.Status.Phase != row.phase || c.State.Terminated == nil || c.State.Terminated.ExitCode != row.code || c.State.Terminated.Reason != row.reason {
				t.Errorf("got %s, %+v", p.Status.Phase, c.State)
			}
			if ready(p) || c.Ready {
				t.Error("it is ready")
			}
		})
	}
}

func TestACrashLoop(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/crash:v1"))
	p := w.until("web", "in a crash loop", waits("CrashLoopBackOff"))
	c := p.Status.ContainerStatuses[0]
	if want := "back-off 200ms restarting failed container=web pod=web_default(uid-1)"; c.State.Waiting.Message != want {
		t.Errorf("message %q, want %q", c.State.Waiting.Message, want)
	}
	if end := c.LastTerminationState.Terminated; end == nil || end.ExitCode != 1 || end.Reason != "Error" {
		t.Errorf("last state %+v", c.LastTerminationState)
	}
	if c.RestartCount != 1 || p.Status.Phase != corev1.PodRunning {
		t.Errorf("%d restarts, phase %s, want 1 and Running", c.RestartCount, p.Status.Phase)
	}
	w.until("web", "restarted three times", func(p *corev1.Pod) bool { return p.Status.ContainerStatuses[0].RestartCount >= 3 })
	w.deleted(30)
	w.until("web", "gone", gone)
}

func TestALongBackOff(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/crash:v1", func(p *corev1.Pod) { p.Annotations = map[string]string{AnnotationBackOff: "1h"} }))
	p := w.until("web", "in a crash loop", waits("CrashLoopBackOff"))
	want := "back-off 1h0m0s restarting failed container=web pod=web_default(uid-1)"
	if c := p.Status.ContainerStatuses[0]; c.State.Waiting.Message != want || c.RestartCount != 1 {
		t.Errorf("%d restarts, message %q, want 1, %q", c.RestartCount, c.State.Waiting.Message, want)
	}
	w.deleted(30)
	w.until("web", "gone", gone)
}

func TestWhatCannotStart(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, reason, message string
		pod                   *corev1.Pod
	}{
		{"a missing image", "ImagePullBackOff", `Back-off pulling image "serin.test/missing:v2": ErrImagePull: rpc error`, web("serin.test/missing:v2")},
		{"a missing image at first", "ErrImagePull", `"serin.test/missing:v2": serin.test/missing:v2: not found`, web("serin.test/missing:v2")},
		{"an unknown image", "ErrImagePull", "this cluster has serin.test/app", web("nginx:1")},
		{"a missing ConfigMap", "CreateContainerConfigError", `configmap "settings" not found`, web("serin.test/app:v1", func(p *corev1.Pod) {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
		})},
		{"an exec probe", "CreateContainerError", "readinessProbe: this node knows httpGet and tcpSocket", web("serin.test/app:v1", func(p *corev1.Pod) {
			p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
		})},
		{"a preStop command", "CreateContainerError", "of all commands this node knows sleep", web("serin.test/app:v1", func(p *corev1.Pod) {
			p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"rm", "-r", "/"}}}}
		})},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := begin(t, row.pod)
			p := w.until("web", row.reason, waits(row.reason))
			if got := p.Status.ContainerStatuses[0].State.Waiting.Message; !strings.Contains(got, row.message) {
				t.Errorf("message %q, want %q in it", got, row.message)
			}
			if p.Status.Phase != corev1.PodPending || ready(p) {
				t.Errorf("phase %s, ready %v", p.Status.Phase, ready(p))
			}
			w.deleted(30)
			w.until("web", "gone", gone)
		})
	}
}

func TestAConfigMapThatComesLate(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", func(p *corev1.Pod) {
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "COLOR", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}, Key: "color",
		}}}}
	}))
	w.until("web", "waiting", waits("CreateContainerConfigError"))
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}, Data: map[string]string{"color": "yellow"}}
	if _, err := w.client.CoreV1().ConfigMaps("default").Create(t.Context(), settings, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p := w.until("web", "ready", ready)
	if body, _ := get(t, p, "/env/COLOR"); body != "yellow" {
		t.Errorf("COLOR is %q, want yellow", body)
	}
}

func TestAVolumeThatComesLate(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "keys"}}}}
	}))
	w.until("web", "waiting", waits("ContainerCreating"))
	keys := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "keys"}}
	if _, err := w.client.CoreV1().Secrets("default").Create(t.Context(), keys, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("web", "ready", ready)
}

func TestInitContainersRunInOrder(t *testing.T) {
	t.Parallel()
	always := corev1.ContainerRestartPolicyAlways
	w := begin(t, web("serin.test/app:v1", func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{
			{Name: "first", Image: "serin.test/job:0", Env: []corev1.EnvVar{{Name: "DURATION", Value: "300ms"}}},
			{Name: "sidecar", Image: "serin.test/app:side", Env: []corev1.EnvVar{{Name: "PORT", Value: "8081"}}, RestartPolicy: &always},
			{Name: "second", Image: "serin.test/job:0"},
		}
	}))
	w.until("web", "initializing", func(p *corev1.Pod) bool {
		return waits("PodInitializing")(p) && p.Status.Phase == corev1.PodPending && is(p, corev1.PodInitialized, corev1.ConditionFalse)
	})
	p := w.until("web", "ready", ready)
	first, second := p.Status.InitContainerStatuses[0].State.Terminated, p.Status.InitContainerStatuses[2].State.Terminated
	if first == nil || second == nil || second.StartedAt.Before(&first.FinishedAt) || !is(p, corev1.PodInitialized, corev1.ConditionTrue) {
		t.Errorf("got %+v", p.Status.InitContainerStatuses)
	}
	if p.Status.InitContainerStatuses[1].State.Running == nil {
		t.Errorf("sidecar: %+v", p.Status.InitContainerStatuses[1])
	}
	w.deleted(30)
	w.until("web", "gone", gone)
	refused(t, p)
}

func TestAnInitContainerThatFails(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", restart(corev1.RestartPolicyNever), func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Name: "first", Image: "serin.test/job:5"}}
	}))
	p := w.until("web", "failed", ended)
	if c := p.Status.ContainerStatuses[0]; p.Status.Phase != corev1.PodFailed || c.State.Waiting == nil || c.State.Waiting.Reason != "PodInitializing" {
		t.Errorf("phase %s, container %+v", p.Status.Phase, c.State)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	healthz := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}
	socket := corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("web")}}
	once := func(h corev1.ProbeHandler) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: h, PeriodSeconds: 1, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1}
	}
	named := func(p *corev1.Pod) {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}}
	}
	t.Run("a healthy pod passes all three", func(t *testing.T) {
		t.Parallel()
		w := begin(t, web("serin.test/app:v1", named, func(p *corev1.Pod) {
			c := &p.Spec.Containers[0]
			c.StartupProbe, c.LivenessProbe, c.ReadinessProbe = once(socket), once(healthz), once(healthz)
		}))
		w.until("web", "ready", ready)
	})
	t.Run("a sick one is running, started and not ready", func(t *testing.T) {
		t.Parallel()
		w := begin(t, web("serin.test/app:v1", env("FAIL_HEALTH", "1"), func(p *corev1.Pod) {
			p.Spec.Containers[0].ReadinessProbe = once(healthz)
		}))
		p := w.until("web", "running", func(p *corev1.Pod) bool {
			return is(p, corev1.PodReady, corev1.ConditionFalse) && p.Status.ContainerStatuses[0].Started != nil && *p.Status.ContainerStatuses[0].Started
		})
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && (c.Reason != "ContainersNotReady" || c.Message != "containers with unready status: [web]") {
				t.Errorf("got %s: %s", c.Reason, c.Message)
			}
		}
	})
	for name, set := range map[string]func(*corev1.Container){
		"liveness restarts": func(c *corev1.Container) { c.LivenessProbe = once(healthz) },
		"startup restarts":  func(c *corev1.Container) { c.StartupProbe = once(healthz) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := begin(t, web("serin.test/app:v1", env("FAIL_HEALTH", "1"), func(p *corev1.Pod) { set(&p.Spec.Containers[0]) }))
			p := w.until("web", "restarted", func(p *corev1.Pod) bool {
				return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].RestartCount > 0
			})
			if end := p.Status.ContainerStatuses[0].LastTerminationState.Terminated; end == nil || end.ExitCode != 0 {
				t.Errorf("last state %+v, want a graceful end", end)
			}
		})
	}
	t.Run("never-ready", func(t *testing.T) {
		t.Parallel()
		w := begin(t, web("serin.test/app:v1", func(p *corev1.Pod) { p.Annotations = map[string]string{NeverReady: "true"} }))
		p := w.until("web", "running", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
		if ready(p) || p.Status.ContainerStatuses[0].Ready {
			t.Error("it is ready")
		}
	})
}

func TestReadinessGates(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", func(p *corev1.Pod) {
		p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/traffic"}}
	}))
	p := w.until("web", "running", func(p *corev1.Pod) bool { return is(p, corev1.ContainersReady, corev1.ConditionTrue) })
	if ready(p) {
		t.Error("it is ready before its gate")
	}
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: "example.com/traffic", Status: corev1.ConditionTrue})
	if _, err := w.client.CoreV1().Pods("default").UpdateStatus(t.Context(), p, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	p = w.until("web", "ready", ready)
	if !is(p, "example.com/traffic", corev1.ConditionTrue) {
		t.Errorf("the gate's condition is lost: %+v", p.Status.Conditions)
	}
}
