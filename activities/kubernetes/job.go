package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

var _ activities.Runner = (*Provider)(nil)

func kindJob() schema.GroupVersionKind { return builtin("batch", "v1", "Job") }

// Run runs t as a Job in the namespace of the Deployment and returns once it has ended. It watches:
// a Job that is there already with the same annotations is the same run. What would never
// start, such as an image that nobody can pull, is inconclusive, and its Job is deleted.
//
// Errors: Conflict if the name is another run's; Denied; Invalid for a task that the API refuses.
func (p *Provider) Run(ctx context.Context, t activities.TaskRun) (activities.TaskResult, error) {
	s, err := p.open(ctx, "run task "+t.Task.ID+" at", t.Work)
	if err != nil {
		return activities.TaskResult{}, err
	}
	r := s.jobRef(t)
	if err = s.startJob(ctx, r, t); err != nil {
		return activities.TaskResult{}, err
	}
	end, err := s.followJob(ctx, r, t)
	if err != nil {
		return activities.TaskResult{}, err
	}
	if end.result.Logs == nil {
		end.result.Logs = s.log(ctx, end.pod)
	}
	if end.hopeless {
		if err = s.delete(ctx, r); err != nil {
			return activities.TaskResult{}, err
		}
	}
	return end.result, nil
}

// Stop deletes the Job of t and returns once its pods have ended.
func (p *Provider) Stop(ctx context.Context, t activities.TaskRun) error {
	s, err := p.open(ctx, "stop task "+t.Task.ID+" at", t.Work)
	if err != nil {
		return err
	}
	r := s.jobRef(t)
	if err = s.delete(ctx, r); err != nil {
		return err
	}
	return s.jobGone(ctx, r)
}

func (s *session) jobRef(t activities.TaskRun) ref {
	return ref{gvk: kindJob(), namespace: s.ns, name: t.Name()}
}

func (s *session) jobGone(ctx context.Context, r ref) error {
	return s.until(ctx, r, "it is still being deleted", func(ctx context.Context) (bool, error) {
		live, err := s.get(ctx, r)
		return live == nil, err
	})
}

// startJob makes the Job of t, unless it is there.
func (s *session) startJob(ctx context.Context, r ref, t activities.TaskRun) error {
	live, err := s.get(ctx, r)
	if err != nil {
		return err
	}
	if live != nil && live.GetDeletionTimestamp() != nil { // an earlier look at it has given it up, and has not told
		if err = s.jobGone(ctx, r); err != nil {
			return err
		}
		live = nil
	}
	if live != nil {
		return s.sameRun(live, t)
	}
	o, err := s.jobObject(t)
	if err != nil {
		return s.failOn(r, rollout.Invalid, err)
	}
	m, err := s.c.mapping(ctx, r.gvk)
	if err != nil {
		return s.typed(r, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	jobs := s.c.resource(m, r.namespace)
	made, err := jobs.Create(ctx, o, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) {
		if made, err = jobs.Get(ctx, r.name, metav1.GetOptions{}); err == nil {
			err = s.sameRun(made, t)
		}
	}
	if err != nil {
		err = s.typed(r, err)
		s.doubt(m, r, err)
		return err
	}
	s.c.view.wrote(m.gvr, made)
	return nil
}

// sameRun refuses a Job that runs something else.
func (s *session) sameRun(live *unstructured.Unstructured, t activities.TaskRun) error {
	have := live.GetAnnotations()
	for key, want := range s.jobAnnotations(t) {
		if have[key] != want {
			return &rollout.Error{
				Op: "kubernetes: " + s.op, On: s.on(refOf(live)), Kind: rollout.Conflict,
				Err: fmt.Errorf("its annotation %s is %q, not %q: it is another run", key, have[key], want), Fix: "delete it",
			}
		}
	}
	return nil
}

// followJob watches until the Job has ended, or is found to be hopeless.
func (s *session) followJob(ctx context.Context, r ref, t activities.TaskRun) (jobEnd, error) {
	s.sub = newSubscription()
	defer func() { s.sub.end(); s.sub = nil }()
	var last jobSight
	var kept []byte // of a pod that is about to go
	for {
		sight, err := s.seeJob(ctx, r, t)
		if err != nil {
			return jobEnd{}, err
		}
		end := sight.judge(last, time.Now())
		if end, err = s.relent(ctx, r, sight, end); err != nil {
			return jobEnd{}, err
		}
		if end.result.Verdict != "" {
			end.result.Logs = kept
			return end, nil
		}
		if sight.pod != nil {
			last = sight
			if sight.pod.DeletionTimestamp != nil && kept == nil {
				kept = s.log(ctx, sight.pod)
			}
		}
		if t.Say != nil {
			t.Say(end.progress)
		}
		timer := time.NewTimer(soonest(end.again))
		select {
		case <-s.sub.changed:
			timer.Stop()
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return jobEnd{}, ctx.Err()
		}
	}
}

// seeJob reads the Job and its newest pod.
func (s *session) seeJob(ctx context.Context, r ref, t activities.TaskRun) (jobSight, error) {
	sight := jobSight{task: t.Task.ID, name: r.String()}
	live, err := s.get(ctx, r)
	if err != nil || live == nil {
		return sight, err
	}
	sight.job = &batchv1.Job{}
	if err = convert(live, sight.job); err != nil {
		return sight, s.failOn(r, rollout.Invalid, err)
	}
	selector := labels.SelectorFromSet(labels.Set{labelTask: r.name})
	read := s.pods
	if sight.ended() {
		read = s.freshPods
	}
	pods, err := read(ctx, selector)
	if err != nil {
		return sight, err
	}
	for _, p := range pods {
		if metav1.IsControlledBy(p, sight.job) && (sight.pod == nil || sight.pod.CreationTimestamp.Before(&p.CreationTimestamp)) {
			sight.pod = p
		}
	}
	return sight, nil
}

// freshPods asks the server itself: the watch of pods may be behind that of Jobs.
func (s *session) freshPods(ctx context.Context, selector labels.Selector) ([]*corev1.Pod, error) {
	all := ref{gvk: kindPod(), namespace: s.ns, name: "*"}
	m, err := s.c.mapping(ctx, kindPod())
	if err != nil {
		return nil, s.typed(all, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.c.resource(m, s.ns).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, s.typed(all, err)
	}
	out := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		out[i] = &corev1.Pod{}
		if err := convert(&list.Items[i], out[i]); err != nil {
			return nil, s.failOn(refOf(&list.Items[i]), rollout.Invalid, err)
		}
	}
	return out, nil
}

// relent gives a pod that no node takes more time while an autoscaler adds nodes, and asks why
// there is no pod at all.
func (s *session) relent(ctx context.Context, r ref, sight jobSight, end jobEnd) (jobEnd, error) {
	if !end.hopeless {
		return end, nil
	}
	switch {
	case sight.pod == nil:
		why, err := s.complaintOf(ctx, r)
		if err != nil || why == "" {
			return jobEnd{progress: end.result.Reason, again: patience}, err
		}
		end.result.Reason += ": " + why
	case end.unplaced:
		note, err := s.scaleUp(ctx, sight.pod.Name)
		if err != nil || note != "" {
			return jobEnd{progress: end.result.Reason + "; " + note, again: patience}, err
		}
	}
	return end, nil
}

// complaintOf returns what the cluster says of a Job that has no pod, "" if nothing, or if this
// worker may not ask.
func (s *session) complaintOf(ctx context.Context, r ref) (string, error) {
	m, err := s.c.mapping(ctx, builtin("", "v1", "Event"))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.c.resource(m, r.namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Job,involvedObject.name=" + r.name,
	})
	if err != nil {
		if err = s.typed(r, err); rollout.KindOf(err) == rollout.Denied {
			return "", nil
		}
		return "", err
	}
	var newest corev1.Event
	for i := range list.Items {
		var e corev1.Event
		if err := convert(&list.Items[i], &e); err != nil {
			return "", s.failOn(r, rollout.Invalid, errors.Join(errors.New("read its events"), err))
		}
		if e.Reason == "FailedCreate" && !lastSeen(e).Before(lastSeen(newest)) {
			newest = e
		}
	}
	return brief(newest.Message), nil
}
