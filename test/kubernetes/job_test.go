package kubernetes_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

func TestTasksOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, scene := range map[string]func(*jobScene){
		"a task that succeeds":                 jobPasses,
		"a task that fails":                    jobFails,
		"a task that takes too long":           jobLate,
		"an image that is not there":           jobWithoutImage,
		"a pod that is evicted":                jobEvicted,
		"a pod that somebody deletes":          jobPodDeleted,
		"a task that is stopped":               jobStopped,
		"another worker finds the same run":    jobFoundAgain,
		"a name that is taken":                 jobTaken,
		"a namespace without room for a pod":   jobWithoutQuota,
		"the role of the manifests is enough":  jobRole,
		"a worker without any role is refused": jobDenied,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &jobScene{coreScene: openCore(t, c), said: make(chan string, 100)}
			s.task = activities.TaskRun{
				Work: s.work, Job: "verify", Attempt: 1, Task: rollout.Task{ID: "smoke", Image: "serin.test/job:0"},
				Say: func(text string) { s.said <- text },
			}
			scene(s)
		})
	}
}

type jobScene struct {
	*coreScene
	task activities.TaskRun
	said chan string
}

func (s *jobScene) image(name, lasts string) {
	s.task.Task.Image, s.task.Task.Env = name, map[string]string{"DURATION": lasts}
}

func (s *jobScene) run() activities.TaskResult {
	s.Helper()
	got, err := s.Provider.Run(s.ctx, s.task)
	if err != nil {
		s.Fatalf("run: %v", err)
	}
	return got
}

func (s *jobScene) want(got activities.TaskResult, verdict rollout.Verdict, reason, log string) {
	s.Helper()
	if got.Verdict != verdict || !strings.HasPrefix(got.Reason, reason) || string(got.Logs) != log {
		s.Errorf("got %s (%s), log %q; want %s (%s), log %q", got.Verdict, got.Reason, got.Logs, verdict, reason, log)
	}
}

// begin runs the task aside, and returns once its container runs.
func (s *jobScene) begin() <-chan activities.TaskResult {
	s.Helper()
	out := make(chan activities.TaskResult, 1)
	go func() {
		got, err := s.Provider.Run(s.ctx, s.task)
		if err != nil {
			got.Reason = "error: " + err.Error()
		}
		out <- got
	}()
	s.heard("runs in pod ")
	return out
}

func (s *jobScene) heard(what string) {
	s.Helper()
	for {
		select {
		case text := <-s.said:
			if strings.HasPrefix(text, what) {
				return
			}
		case <-s.ctx.Done():
			s.Fatalf("nobody said %q", what)
		}
	}
}

func (s *jobScene) pod() *corev1.Pod {
	s.Helper()
	list, err := s.cluster.Client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "serin.dev/task-run=" + s.task.Name()})
	if err != nil || len(list.Items) != 1 {
		s.Fatalf("%d pods, %v", len(list.Items), err)
	}
	return &list.Items[0]
}

func jobPasses(s *jobScene) {
	s.want(s.run(), rollout.VerdictPass, "", "job: exits 0 in 0s\n")
	first := s.live("jobs", s.task.Name())
	s.want(s.run(), rollout.VerdictPass, "", "job: exits 0 in 0s\n")
	if again := s.live("jobs", s.task.Name()); again.GetUID() != first.GetUID() {
		s.Error("the same run has run twice")
	}
	s.task.Attempt = 2
	s.run()
	if s.live("jobs", s.task.Name()) == nil {
		s.Error("another attempt is no run of its own")
	}
}

func jobFails(s *jobScene) {
	s.image("serin.test/job:3", "100ms")
	s.want(s.run(), rollout.VerdictFail, "task smoke exited with 3", "job: exits 3 in 100ms\n")
	s.want(s.run(), rollout.VerdictFail, "task smoke exited with 3", "job: exits 3 in 100ms\n")
}

func jobLate(s *jobScene) {
	s.image("serin.test/job:0", "1h")
	s.task.Task.Timeout = 3 * time.Second
	s.want(s.run(), rollout.VerdictFail, "task smoke did not end within 3s", "job: exits 0 in 1h0m0s\n")
}

func jobWithoutImage(s *jobScene) {
	s.image("serin.test/missing:1", "")
	s.want(s.run(), rollout.VerdictInconclusive, "task smoke never ran: container task of pod "+s.task.Name(), "")
	s.wantGone("jobs", s.task.Name())
}

func jobEvicted(s *jobScene) {
	s.image("serin.test/job:0", "1h")
	end := s.begin()
	p := s.pod()
	err := s.cluster.Client.PolicyV1().Evictions(s.namespace).Evict(s.ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: p.Name}})
	if err != nil {
		s.Fatal(err)
	}
	s.want(<-end, rollout.VerdictInconclusive, "the pod of task smoke was evicted before it ended: Eviction API: evicting", "job: exits 0 in 1h0m0s\n")
}

func jobPodDeleted(s *jobScene) {
	s.image("serin.test/job:0", "1h")
	end := s.begin()
	if err := s.cluster.Client.CoreV1().Pods(s.namespace).Delete(s.ctx, s.pod().Name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.want(<-end, rollout.VerdictInconclusive, "somebody has deleted pod "+s.task.Name(), "job: exits 0 in 1h0m0s\n")
}

func jobStopped(s *jobScene) {
	s.image("serin.test/job:0", "1h")
	end := s.begin()
	if err := s.Stop(s.ctx, s.task); err != nil {
		s.Fatal(err)
	}
	if s.live("jobs", s.task.Name()) != nil {
		s.Error("its job is still there")
	}
	s.want(<-end, rollout.VerdictInconclusive, "somebody has deleted job/"+s.task.Name(), "job: exits 0 in 1h0m0s\n")
	if err := s.Stop(s.ctx, s.task); err != nil {
		s.Errorf("stopped again: %v", err)
	}
}

// jobFoundAgain: whoever waited is gone, as when a worker dies; the container is not.
func jobFoundAgain(s *jobScene) {
	s.image("serin.test/job:0", "4s")
	ctx, cancel := context.WithCancel(s.ctx)
	end := make(chan error, 1)
	go func() {
		_, err := s.Provider.Run(ctx, s.task)
		end <- err
	}()
	s.heard("runs in pod ")
	first := s.pod().UID
	cancel()
	if err := <-end; err == nil {
		s.Error("it has a result before the task has ended")
	}
	s.Provider = kubernetes.New(s.artifacts, kubernetes.Options{})
	s.Cleanup(s.Close)
	s.want(s.run(), rollout.VerdictPass, "", "job: exits 0 in 4s\n")
	if s.pod().UID != first {
		s.Error("it has run twice")
	}
}

func jobTaken(s *jobScene) {
	s.run()
	_, err := s.cluster.Client.BatchV1().Jobs(s.namespace).Patch(s.ctx, s.task.Name(), "application/merge-patch+json",
		[]byte(`{"metadata":{"annotations":{"serin.dev/rollout":"v9-to-prod-0009"}}}`), metav1.PatchOptions{})
	if err != nil {
		s.Fatal(err)
	}
	other := kubernetes.New(s.artifacts, kubernetes.Options{})
	defer other.Close()
	if _, err := other.Run(s.ctx, s.task); rollout.KindOf(err) != rollout.Conflict {
		s.Errorf("got %v, want Conflict", err)
	}
}

func jobWithoutQuota(s *jobScene) {
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	if err := yaml.Unmarshal([]byte("spec: {hard: {pods: 0}}"), quota); err != nil {
		s.Fatal(err)
	}
	if _, err := s.cluster.Client.CoreV1().ResourceQuotas(s.namespace).Create(s.ctx, quota, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	got := s.run()
	s.want(got, rollout.VerdictInconclusive, "task smoke never ran: job/"+s.task.Name()+" in "+s.namespace+" has no pod: Error creating: pods", "")
	s.wantGone("jobs", s.task.Name())
}

// jobRole: what deploy/ says of a worker's permissions is all that it needs.
func jobRole(s *jobScene) {
	content, err := os.ReadFile("../../deploy/kubernetes/rbac/tasks.yaml")
	if err != nil {
		s.Fatal(err)
	}
	role := &rbacv1.Role{}
	if err := yaml.UnmarshalStrict(content, role); err != nil {
		s.Fatal(err)
	}
	user := "tasks-" + s.namespace
	if _, err := s.cluster.Client.RbacV1().Roles(s.namespace).Create(s.ctx, role, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := s.cluster.Client.RbacV1().RoleBindings(s.namespace).Create(s.ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{Kind: "Role", APIGroup: rbacv1.GroupName, Name: role.Name},
	}, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.task.Work.Target.Cluster.Kubeconfig = s.kubeconfigOf(user)
	s.want(s.run(), rollout.VerdictPass, "", "job: exits 0 in 0s\n")
	if err := s.Stop(s.ctx, s.task); err != nil {
		s.Error(err)
	}
}

func jobDenied(s *jobScene) {
	s.task.Work.Target.Cluster.Kubeconfig = s.kubeconfigOf("nobody")
	if _, err := s.Provider.Run(s.ctx, s.task); rollout.KindOf(err) != rollout.Denied || !strings.Contains(err.Error(), "grant the verb") {
		s.Errorf("got %v, want Denied", err)
	}
}
