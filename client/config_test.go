package client

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// shelf is a store that gives every content the same digest, or fails.
type shelf struct {
	content []byte
	err     error
}

func (s *shelf) Put(_ context.Context, content []byte) (string, error) {
	s.content = content
	return "sha256:d1", s.err
}

func TestApply(t *testing.T) {
	t.Parallel()
	s, kept := newServer(), &shelf{}
	want := rollout.ApplyResult{Created: []rollout.Entry{{Kind: "Target", Name: "prod", Digest: "sha256:e"}}}
	s.answer = func(o temporalclient.UpdateWorkflowOptions) (any, error) {
		if got, want := o.Args, []any{rollout.ApplyRequest{Documents: "sha256:d1", Actor: "ada"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("sent %+v, want %+v", got, want)
		}
		return want, nil
	}
	c := s.client(kept)
	for range 2 {
		got, err := c.Apply(t.Context(), []byte("kind: Target"), "ada")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if string(kept.content) != "kind: Target" {
		t.Errorf("stored %q", kept.content)
	}
	if s.starts[0].ID != rollout.ConfigID || s.starts[0].TaskQueue != "serin" {
		t.Errorf("started %+v", s.starts[0])
	}
	a, b := s.updates[0].UpdateID, s.updates[1].UpdateID
	if a == b || !strings.HasPrefix(a, "apply/sha256:d1/") {
		t.Errorf("two applies of one file have the ids %q and %q: the second is answered from memory", a, b)
	}
}

func TestApplyErrors(t *testing.T) {
	t.Parallel()
	s := newServer()
	_, err := s.client(nil).Apply(t.Context(), nil, "")
	wantError(t, err, rollout.Invalid, "apply configuration: this client has no artifact store (give client.New or client.Dial one)")

	denied := &rollout.Error{Op: "artifact: put", On: "sha256:d1", Kind: rollout.Denied, Err: errors.New("read-only")}
	_, err = s.client(&shelf{err: denied}).Apply(t.Context(), nil, "")
	wantError(t, err, rollout.Denied, "artifact: put sha256:d1: read-only")

	s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) {
		return nil, temporal.NewApplicationError("shop.yaml:3: unknown field \"stagse\"", "Invalid")
	}
	_, err = s.client(&shelf{}).Apply(t.Context(), nil, "")
	wantError(t, err, rollout.Invalid, `apply configuration: shop.yaml:3: unknown field "stagse"`)
}

func TestIndex(t *testing.T) {
	t.Parallel()
	s := newServer()
	c := s.client(nil)
	got, err := c.Index(t.Context())
	if err != nil || !reflect.DeepEqual(got, rollout.Index{}) {
		t.Errorf("before the first apply: %+v, %v", got, err)
	}
	want := rollout.Index{Version: 3, Entries: []rollout.Entry{{Kind: "Target", Name: "prod"}}}
	s.put(rollout.ConfigID, func(r *run) { r.state = want })
	if got, err = c.Index(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	s.down = serviceerror.NewNamespaceNotFound("prod")
	if _, err = c.Index(t.Context()); rollout.KindOf(err) != rollout.NotFound {
		t.Errorf("a namespace that does not exist is no empty index: %v", err)
	}
}
