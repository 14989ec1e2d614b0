package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// world is a node with an API server in memory. All of 127.0.0.0/8 is local everywhere.
type world struct {
	*testing.T
	client *fake.Clientset
	end    func() // ends the node and returns when it has ended
}

func begin(t *testing.T, objects ...*corev1.Pod) *world {
	t.Helper()
	w := &world{T: t, client: fake.NewClientset()}
	w.client.PrependReactor("patch", "pods", w.sameUID)
	for _, p := range objects {
		w.create(p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, w.client, Options{Pods: netip.MustParsePrefix(network()), Output: t.Output()})
	}()
	w.end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("node: %v", err)
		}
		done <- nil
	}
	t.Cleanup(w.end)
	return w
}

// sameUID refuses a patch for another object of that name, as an API server does.
func (w *world) sameUID(action clienttesting.Action) (bool, runtime.Object, error) {
	patch := action.(clienttesting.PatchAction)
	var meant corev1.Pod
	if err := json.Unmarshal(patch.GetPatch(), &meant); err != nil {
		return true, nil, err
	}
	object, err := w.client.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
	if err != nil {
		return true, nil, err
	}
	if is := object.(*corev1.Pod).UID; is != meant.UID {
		return true, nil, apierrors.NewConflict(patch.GetResource().GroupResource(), patch.GetName(), fmt.Errorf("uid is %s, not %s", is, meant.UID))
	}
	return false, nil, nil
}

// network is a different range for each node of this process: fourteen addresses.
func network() string {
	n := used.Add(1)
	return fmt.Sprintf("127.%d.%d.%d/28", 64+os.Getpid()%128, n/16%256, n%16*16)
}

var used atomic.Int32 //nolint:gochecknoglobals // counts over all tests

func (w *world) create(p *corev1.Pod) *corev1.Pod {
	w.Helper()
	made, err := w.client.CoreV1().Pods(p.Namespace).Create(w.Context(), p, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// until returns the pod as soon as it is as wanted; nil stands for a pod that is gone.
func (w *world) until(name, want string, is func(*corev1.Pod) bool) *corev1.Pod {
	w.Helper()
	return until(w.T, w.client, name, want, is)
}

func until(t *testing.T, client kubernetes.Interface, name, want string, is func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	pods := client.CoreV1().Pods("default")
	events, err := pods.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	for {
		p, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			p = nil
		}
		if is(p) {
			return p
		}
		select {
		case <-events.ResultChan():
		case <-ctx.Done():
			t.Fatalf("pod %s is not %s, but %s", name, want, show(p))
		}
	}
}

func show(p *corev1.Pod) string {
	if p == nil {
		return "gone"
	}
	return fmt.Sprintf("%+v", p.Status)
}

// deleted is what an API server does at a graceful delete.
func (w *world) deleted(grace int64) {
	w.Helper()
	p, err := w.client.CoreV1().Pods("default").Get(w.Context(), "web", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds = ptr.To(metav1.Now()), &grace
	if _, err := w.client.CoreV1().Pods("default").Update(w.Context(), p, metav1.UpdateOptions{}); err != nil {
		w.Fatal(err)
	}
}

// get is the answer of a pod, its body first. Code is 0 for no answer.
func get(t *testing.T, p *corev1.Pod, path string) (string, int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Status.PodIP+":8080"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error(), 0
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), response.StatusCode
}

// web is a scheduled pod with one container.
func web(image string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: types.UID("uid-1"), Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			NodeName: Name, RestartPolicy: corev1.RestartPolicyAlways, TerminationGracePeriodSeconds: ptr.To[int64](30),
			Containers: []corev1.Container{{Name: "web", Image: image}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func env(name, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
}

func restart(policy corev1.RestartPolicy) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.RestartPolicy = policy }
}

func ready(p *corev1.Pod) bool { return is(p, corev1.PodReady, corev1.ConditionTrue) }

func is(p *corev1.Pod, t corev1.PodConditionType, s corev1.ConditionStatus) bool {
	if p == nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == t {
			return c.Status == s
		}
	}
	return false
}

func gone(p *corev1.Pod) bool { return p == nil }

func ended(p *corev1.Pod) bool {
	return p != nil && (p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed)
}

// waits is a container that waits for reason.
func waits(reason string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		for _, c := range p.Status.ContainerStatuses {
			if c.State.Waiting != nil && c.State.Waiting.Reason == reason {
				return true
			}
		}
		return false
	}
}

// refused checks that nothing serves at the pod's address any more.
func refused(t *testing.T, p *corev1.Pod) {
	t.Helper()
	if body, code := get(t, p, "/"); code != 0 {
		t.Errorf("pod %s still answers %d %q", p.Name, code, body)
	}
}
