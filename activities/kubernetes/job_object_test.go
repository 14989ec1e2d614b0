package kubernetes

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const wantJob = `apiVersion: batch/v1
kind: Job
metadata:
  annotations:
    serin.dev/attempt: "2"
    serin.dev/job: verify
    serin.dev/phase: canary-25
    serin.dev/pipeline: shop
    serin.dev/rollout: v2-to-prod-0002
    serin.dev/task: smoke
  labels:
    serin.dev/pipeline: shop
  name: NAME
  namespace: store
spec:
  activeDeadlineSeconds: 3600
  backoffLimit: 0
  podFailurePolicy:
    rules:
    - action: FailJob
      onPodConditions:
      - status: "True"
        type: DisruptionTarget
  template:
    metadata:
      labels:
        serin.dev/task-run: NAME
    spec:
      containers:
      - args:
        - -c
        - echo $$(date)
        command:
        - sh
        env:
        - name: CLOUD_DEPLOY_PHASE
          value: canary-25
        - name: LEVEL
          value: a$$b
        image: smoke:1
        name: task
        resources: {}
      restartPolicy: Never
  ttlSecondsAfterFinished: 86400
`

func TestTheJobOfATask(t *testing.T) {
	t.Parallel()
	run := activities.TaskRun{
		Work: activities.Work{Pipeline: "shop", Rollout: "v2-to-prod-0002", Phase: "canary-25"}, Job: "verify", Attempt: 2,
		Task: rollout.Task{
			ID: "smoke", Image: "smoke:1", Command: []string{"sh"}, Args: []string{"-c", "echo $(date)"},
			Env: map[string]string{"LEVEL": "a$b", "CLOUD_DEPLOY_PHASE": "other"},
		},
		Env: map[string]string{"CLOUD_DEPLOY_PHASE": "canary-25"},
	}
	o, err := (&session{w: run.Work, ns: "store"}).jobObject(run)
	if err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(wantJob, "NAME", run.Name()); string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestTheLogOfATask(t *testing.T) {
	t.Parallel()
	var asked string
	answer := func(w http.ResponseWriter) { _, _ = w.Write([]byte("a\nb\xff\n")) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		answer(w)
	}))
	defer server.Close()
	c, err := newCluster(&rest.Config{Host: server.URL}, "default")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{op: "run task smoke at", c: c, w: activities.Work{Target: rollout.Target{Name: "prod"}}}
	p := taskPod(exited(1, "Error"), func(p *corev1.Pod) { p.ObjectMeta = metav1.ObjectMeta{Name: "p", Namespace: "store"} })
	if got := string(s.log(t.Context(), p)); got != "a\nb\n" {
		t.Errorf("got %q", got)
	}
	if want := "/api/v1/namespaces/store/pods/p/log?container=task&limitBytes=65536&tailLines=50&timeout=30s"; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"pods \"p\" is forbidden","code":403}`))
	}
	if got := string(s.log(t.Context(), p)); !strings.HasPrefix(got, "its log cannot be read: ") || !strings.Contains(got, `pods "p" is forbidden`) {
		t.Errorf("got %q", got)
	}
	asked = ""
	if got := s.log(t.Context(), taskPod(waits("ErrImagePull"))); got != nil || asked != "" {
		t.Errorf("of a task that never ran: %q, asked %q", got, asked)
	}
}
