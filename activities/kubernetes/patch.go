package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
)

// op is one operation of a JSON patch. Value is nil only for remove.
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// sameVersion tests that nobody has written o since it was read.
func sameVersion(o *unstructured.Unstructured) op {
	return op{Op: "test", Path: "/metadata/resourceVersion", Value: o.GetResourceVersion()}
}

// pointer is the JSON pointer to the fields, each escaped.
func pointer(fields ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, f := range fields {
		b.WriteString("/" + escape.Replace(f))
	}
	return b.String()
}

// patch changes single fields of an object that exists, and stamps it with the
// pipeline and the rollout in the same request. Nothing is sent if ops is empty. Its tests are
// the caller's: sameVersion, and the old value of what is replaced.
//
// Errors: NotFound; Conflict if the object is another pipeline's; Transient where
// a test does not hold.
//
//nolint:unparam // what came back is there for callers that go on with it
func (s *session) patch(ctx context.Context, r ref, ops []op) (*unstructured.Unstructured, error) {
	live, err := s.get(ctx, r)
	if err != nil {
		return nil, err
	}
	if live == nil {
		return nil, s.failOn(r, rollout.NotFound, fmt.Errorf("%s does not exist", r))
	}
	if len(ops) == 0 {
		return live, nil
	}
	if err = s.owned(live); err != nil {
		return nil, err
	}
	body, err := json.Marshal(append(s.stampOps(live), ops...))
	if err != nil {
		return nil, s.failOn(r, rollout.Invalid, err)
	}
	return s.send(ctx, r, request{manager: fieldManager, how: types.JSONPatchType, body: body})
}

// request is one write that changes an object.
type request struct {
	manager string
	how     types.PatchType
	body    []byte
	dry     bool // only ask whether it would be accepted
}

// send patches r and remembers what came back.
func (s *session) send(ctx context.Context, r ref, w request) (*unstructured.Unstructured, error) {
	m, err := s.c.mapping(ctx, r.gvk)
	if err != nil {
		return nil, s.typed(r, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o := metav1.PatchOptions{FieldManager: w.manager}
	if w.how == types.ApplyPatchType {
		force := true
		o.Force = &force
	}
	if w.dry {
		o.DryRun = []string{metav1.DryRunAll}
	}
	got, err := s.c.resource(m, r.namespace).Patch(ctx, r.name, w.how, w.body, o)
	if err != nil {
		err = s.typed(r, err)
		s.doubt(m, r, err)
		return nil, err
	}
	if !w.dry {
		s.c.view.wrote(m.gvr, got)
	}
	return got.DeepCopy(), nil
}

// doubt notes that a write has ended in a way that leaves open what the object is now.
func (s *session) doubt(m mapping, r ref, err error) {
	if kind := rollout.KindOf(err); kind != "" && kind != rollout.Transient {
		return
	}
	s.c.view.doubt(m.gvr, r.namespace, r.name)
}

// stampOps are the operations that stamp o, none if it has the stamps.
func (s *session) stampOps(o *unstructured.Unstructured) []op {
	have := o.GetAnnotations()
	want := s.stamps()
	if have == nil {
		return []op{{Op: "add", Path: "/metadata/annotations", Value: want}}
	}
	var ops []op
	for _, key := range []string{annotationPipeline, annotationRollout} {
		if have[key] != want[key] {
			ops = append(ops, op{Op: "add", Path: pointer("metadata", "annotations", key), Value: want[key]})
		}
	}
	return ops
}
