package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func TestErrorsOfTheAPIHaveAKind(t *testing.T) {
	t.Parallel()
	gr := schema.GroupResource{Resource: "configmaps"}
	ending := apierrors.NewForbidden(gr, "a", errors.New("because it is being terminated"))
	ending.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "NamespaceTerminating"}}
	busy := apierrors.NewTooManyRequests("slow down", 7)
	s := &session{op: "deploy", w: activities.Work{Target: rollout.Target{Name: "prod"}}}
	r := ref{gvk: builtin("", "v1", "ConfigMap"), namespace: "shop", name: "a"}
	for _, row := range []struct {
		name string
		err  error
		kind rollout.Kind
		text string
	}{
		{"not found", apierrors.NewNotFound(gr, "a"), rollout.NotFound, ""},
		{"forbidden", apierrors.NewForbidden(gr, "a", errors.New("no")), rollout.Denied, "Role"},
		{"unauthorized", apierrors.NewUnauthorized("who"), rollout.Denied, ""},
		{"conflict", apierrors.NewConflict(gr, "a", errors.New("newer")), rollout.Transient, ""},
		{"quota of requests", busy, rollout.Transient, ""},
		{"server timeout", apierrors.NewServerTimeout(gr, "patch", 1), rollout.Transient, ""},
		{"internal", apierrors.NewInternalError(errors.New("etcd")), rollout.Transient, ""},
		{"bad value", apierrors.NewInvalid(schema.GroupKind{Kind: "ConfigMap"}, "a", field.ErrorList{
			field.Invalid(field.NewPath("data"), 1, "no"),
		}), rollout.Invalid, ""},
		{
			"a test that does not hold", apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "patch", gr, "a", "", 0, false),
			rollout.Transient, "changed meanwhile",
		},
		{"already there", apierrors.NewAlreadyExists(gr, "a"), rollout.Transient, ""},
		{"namespace ends", ending, rollout.Failed, "make it again"},
		{"network", &net.OpError{Op: "dial", Err: errors.New("refused")}, rollout.Transient, ""},
		{"no such host", &net.DNSError{Name: "gone", IsNotFound: true}, rollout.NotFound, ""},
		{"no answer in time", context.DeadlineExceeded, rollout.Transient, ""},
	} {
		err := s.typed(r, fmt.Errorf("wrapped: %w", row.err))
		if got := rollout.KindOf(err); got != row.kind {
			t.Errorf("%s: kind is %q, want %q", row.name, got, row.kind)
		}
		if want := "kubernetes: deploy configmap/a in shop of target prod: "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: it reads %q, want %q at its head and %q in it", row.name, err, want, row.text)
		}
	}
	var e *rollout.Error
	if !errors.As(s.typed(r, busy), &e) || e.After != 7*time.Second {
		t.Errorf("a quota is tried again after %s, want 7s", e.After)
	}
	if err := s.typed(r, context.Canceled); !errors.Is(err, context.Canceled) || rollout.KindOf(err) != "" {
		t.Errorf("a cancellation became %v", err)
	}
}
