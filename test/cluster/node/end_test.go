package node

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func preStop(h corev1.LifecycleHandler) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &h} }
}

func TestADeletedPodEndsGracefully(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		pod       *corev1.Pod
		grace     int64
		from, to  time.Duration // how long it takes
		code      int32
		phase     corev1.PodPhase
		unserving bool
	}{
		{name: "SIGTERM", pod: web("serin.test/app:v1"), grace: 30, to: 2 * time.Second, phase: corev1.PodSucceeded},
		{name: "it serves on", pod: web("serin.test/app:v1", env("PRESTOP", "1s")), grace: 30, from: time.Second, to: 3 * time.Second, phase: corev1.PodSucceeded},
		{name: "a preStop sleep", pod: web("serin.test/app:v1", preStop(corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}})), grace: 30, from: time.Second, to: 3 * time.Second, phase: corev1.PodSucceeded},
		{name: "a preStop command", pod: web("serin.test/app:v1", preStop(corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/sh", "-c", "sleep 1"}}})), grace: 30, from: time.Second, to: 3 * time.Second, phase: corev1.PodSucceeded},
		{name: "SIGKILL", pod: web("serin.test/app:v1", env("PRESTOP", "1h")), grace: 3, from: 3 * time.Second, to: 6 * time.Second, code: 137, phase: corev1.PodFailed},
		{name: "two seconds at least after preStop", pod: web("serin.test/app:v1", env("PRESTOP", "1h"), preStop(corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 60}})), grace: 1, from: 3 * time.Second, to: 6 * time.Second, code: 137, phase: corev1.PodFailed},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := begin(t, row.pod)
			p := w.until("web", "ready", ready)
			last := make(chan *corev1.Pod, 1)
			began := time.Now()
			w.deleted(row.grace)
			if row.from > 0 {
				if _, code := get(t, p, "/"); code != 200 {
					t.Errorf("it answers %d while it ends, want 200", code)
				}
			}
			w.until("web", "gone", func(p *corev1.Pod) bool {
				if p != nil && ended(p) {
					select {
					case last <- p:
					default:
					}
				}
				return p == nil
			})
			if took := time.Since(began); took < row.from || took > row.to {
				t.Errorf("it took %s, want from %s to %s", took, row.from, row.to)
			}
			refused(t, p)
			select {
			case p := <-last:
				end := p.Status.ContainerStatuses[0].State.Terminated
				if p.Status.Phase != row.phase || end == nil || end.ExitCode != row.code || ready(p) {
					t.Errorf("got %s, %+v, ready %v", p.Status.Phase, end, ready(p))
				}
			default: // the object was gone before the look at it
			}
		})
	}
}

func TestASecondDeleteShortensTheGrace(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", env("PRESTOP", "1h")))
	w.until("web", "ready", ready)
	w.deleted(3600)
	w.deleted(2)
	began := time.Now()
	w.until("web", "gone", gone)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAnObjectThatIsGoneTakesItsProcessesAlong(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", env("PRESTOP", "1h")))
	p := w.until("web", "ready", ready)
	if err := w.client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "default", "web"); err != nil {
		t.Fatal(err)
	}
	again := web("serin.test/app:v2", func(p *corev1.Pod) { p.UID = "uid-2" })
	w.create(again)
	fresh := w.until("web", "ready again", ready)
	if body, _ := get(t, fresh, "/"); body != "hello from v2\n" || fresh.Status.PodIP == p.Status.PodIP {
		t.Errorf("got %q from %s, want v2 from another address than %s", body, fresh.Status.PodIP, p.Status.PodIP)
	}
	w.end()
	refused(t, p)
	refused(t, fresh)
}

func TestTheNodeTakesItsPodsAlong(t *testing.T) {
	t.Parallel()
	w := begin(t, web("serin.test/app:v1", env("PRESTOP", "1h")))
	p := w.until("web", "ready", ready)
	w.end()
	refused(t, p)
	if got := w.until("web", "there", func(p *corev1.Pod) bool { return p != nil }); got.DeletionTimestamp != nil {
		t.Error("the node deleted a pod because it ended itself")
	}
}

func TestAFinishedPodIsNotRunAgain(t *testing.T) {
	t.Parallel()
	done := web("serin.test/job:0", restart(corev1.RestartPolicyNever), func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{Phase: corev1.PodSucceeded, PodIP: "127.0.0.9"}
	})
	w := begin(t, done, web("serin.test/app:v1", func(p *corev1.Pod) { p.Name, p.UID = "other", "uid-2" }))
	w.until("other", "ready", ready)
	if p := w.until("web", "there", func(p *corev1.Pod) bool { return p != nil }); p.Status.PodIP != "127.0.0.9" || len(p.Status.ContainerStatuses) > 0 {
		t.Errorf("status was written: %+v", p.Status)
	}
	w.deleted(30)
	w.until("web", "gone", gone)
}

func TestSleep(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		command []string
		want    *time.Duration
	}{
		{[]string{"sleep", "5"}, ptr.To(5 * time.Second)},
		{[]string{"/bin/sleep", "0.5"}, ptr.To(500 * time.Millisecond)},
		{[]string{"sh", "-c", "sleep 2m"}, ptr.To(2 * time.Minute)},
		{[]string{"sleep"}, nil},
		{[]string{"sleep", "-1"}, nil},
		{[]string{"sleep", "x"}, nil},
		{[]string{"sh", "-c", "sleep 1; rm -r /"}, nil},
		{nil, nil},
	} {
		got, err := sleep(row.command)
		if (err == nil) != (row.want != nil) || (err == nil && got != *row.want) {
			t.Errorf("%q: got %s, %v", row.command, got, err)
		}
	}
}
