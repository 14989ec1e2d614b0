package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
)

const (
	// establishPatience bounds how long a new kind takes to be served.
	establishPatience = 60 * time.Second
	// establishPause is how often is looked whether it is.
	establishPause = 200 * time.Millisecond
)

// health is what one live object is worth.
type health struct {
	current           bool // it is as it was asked for
	failure, progress string
	again             time.Duration
}

// health looks at the object that o says. A Deployment's pods tell why it is not
// ready; a Job is waited for until it has ended.
func (s *session) health(ctx context.Context, o *unstructured.Unstructured) (health, error) {
	r := refOf(o)
	live, err := s.get(ctx, r)
	switch {
	case err != nil:
		return health{}, err
	case live == nil:
		return health{progress: r.String() + " does not exist"}, nil
	case live.GetDeletionTimestamp() != nil:
		return health{progress: r.String() + " is being deleted"}, nil
	case r.gvk == kindDeployment():
		in := *s
		in.ns = r.namespace
		var f fleet
		f, err = in.fleet(ctx, r.name, "")
		return health{current: f.complete, failure: f.failure, progress: f.progress, again: f.again}, err
	}
	res, err := status.Compute(live)
	if err != nil {
		return health{}, s.failOn(r, rollout.Invalid, err)
	}
	text := cmp.Or(cut(res.Message), res.Status.String())
	switch {
	case res.Status == status.FailedStatus:
		return health{failure: r.String() + ": " + cmp.Or(complaint(live), text)}, nil
	case res.Status == status.CurrentStatus && ended(live):
		return health{current: true}, nil
	default:
		return health{progress: r.String() + ": " + text}, nil
	}
}

// ended reports whether live is done, if it is a Job; everything else is.
func ended(live *unstructured.Unstructured) bool {
	return !isJob(live) || hasCondition(live, "Complete") || hasCondition(live, "Failed")
}

func isJob(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().GroupKind() == schema.GroupKind{Group: "batch", Kind: "Job"}
}

// complaint is why a Job has failed, in its own words; "" if it does not say.
func complaint(live *unstructured.Unstructured) string {
	failed := trueCondition(live, "Failed")
	reason, _ := failed["reason"].(string)
	message, _ := failed["message"].(string)
	if reason == "" || message == "" {
		return cut(cmp.Or(reason, message))
	}
	return cut(reason + ": " + message)
}

// hasCondition reports whether o has the condition with status True.
func hasCondition(o *unstructured.Unstructured, kind string) bool {
	return trueCondition(o, kind) != nil
}

// trueCondition returns the condition of o with status True, nil if it has none.
func trueCondition(o *unstructured.Unstructured, kind string) map[string]any {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range list {
		if m, ok := c.(map[string]any); ok && m["type"] == kind && m["status"] == "True" {
			return m
		}
	}
	return nil
}

// addHealth adds that of o to v.
func (s *session) addHealth(ctx context.Context, o *unstructured.Unstructured, v *judgement) error {
	h, err := s.health(ctx, o)
	if err != nil {
		return err
	}
	v.failure = cmp.Or(v.failure, h.failure)
	if !h.current {
		v.ready = false
		v.progress = cmp.Or(v.progress, h.progress, h.failure)
	}
	if h.again > 0 && (v.again == 0 || h.again < v.again) {
		v.again = h.again
	}
	return nil
}

// applyAndWait applies o, and returns once what comes after it in a manifest can be
// applied too.
func (s *session) applyAndWait(ctx context.Context, o *unstructured.Unstructured) error {
	if isJob(o) {
		if err := s.renew(ctx, o); err != nil {
			return err
		}
	}
	if _, err := s.apply(ctx, o); err != nil {
		return err
	}
	if o.GetKind() != "CustomResourceDefinition" {
		return nil
	}
	return s.until(ctx, refOf(o), "its kind is not served yet", func(ctx context.Context) (bool, error) {
		live, err := s.get(ctx, refOf(o))
		if err != nil || live == nil || !hasCondition(live, "Established") {
			return false, err
		}
		return s.served(ctx, live)
	})
}

// served reports whether every version that crd serves is.
func (s *session) served(ctx context.Context, crd *unstructured.Unstructured) (bool, error) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		name, _ := version["name"].(string)
		if served, _ := version["served"].(bool); !served {
			continue
		}
		m, err := s.c.mapping(ctx, builtin(group, name, kind))
		if err != nil || !m.known {
			return false, err
		}
	}
	return true, nil
}

// renew takes a Job away that has ended and whose template is another, or that has
// failed and is tried again: a Job's template cannot be changed. One that runs is
// left to end.
func (s *session) renew(ctx context.Context, o *unstructured.Unstructured) error {
	r := refOf(o)
	live, err := s.get(ctx, r)
	if err != nil || live == nil {
		return err
	}
	same := covers(live.Object["spec"], o.Object["spec"])
	if same && !(hasCondition(live, "Failed") && s.w.Attempt > 1 && live.GetAnnotations()[annotationAttempt] != s.jobAttempt()) {
		stamp(o, map[string]any{annotationAttempt: live.GetAnnotations()[annotationAttempt]})
		return nil
	}
	stamp(o, map[string]any{annotationAttempt: s.jobAttempt()})
	if !ended(live) {
		return s.failOn(r, rollout.Transient, fmt.Errorf("it still runs; its template can be changed once it has ended"))
	}
	if err := s.delete(ctx, r); err != nil {
		return err
	}
	return s.until(ctx, r, "it is still being deleted", func(ctx context.Context) (bool, error) {
		live, err := s.get(ctx, r)
		return live == nil, err
	})
}

// annotationAttempt says which attempt of which rollout has made a Job again.
const annotationAttempt = "serin.dev/attempt"

func (s *session) jobAttempt() string { return fmt.Sprintf("%s/%d", s.w.Rollout, s.w.Attempt) }

// until waits a while for done. What it reads comes from watches.
func (s *session) until(ctx context.Context, r ref, why string, done func(context.Context) (bool, error)) error {
	patient, stop := context.WithTimeout(ctx, establishPatience)
	defer stop()
	tick := time.NewTicker(establishPause)
	defer tick.Stop()
	for {
		ok, err := done(patient)
		if ok {
			return nil
		}
		if err != nil && patient.Err() == nil {
			return err
		}
		if ctx.Err() != nil { // patient has ended with it, which is no lack of patience
			return ctx.Err()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-patient.Done():
			return s.failOn(r, rollout.Transient, fmt.Errorf("after %s %s", establishPatience, why))
		}
	}
}
