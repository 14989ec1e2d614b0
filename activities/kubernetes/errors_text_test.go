package kubernetes

import (
	"errors"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

// What the API server prints of an object that does not fit its type may be a secret, and
// error texts go into histories.
func TestNoValueIsInAnErrorText(t *testing.T) {
	t.Parallel()
	const text = `failed to create typed patch object (shop/db; /v1, Kind=Secret): .stringData.config: expected string, ` +
		`got &value.valueUnstructured{Value:map[string]interface {}{"password":"hunter2"}}`
	got := withoutValues(text)
	if strings.Contains(got, "hunter2") || !strings.Contains(got, ".stringData.config: expected string") {
		t.Errorf("got %q, want the field and not its value", got)
	}
	const plain = "deployments.apps \"shop\" is forbidden: got nothing to do with values"
	if got := withoutValues(plain); got != plain {
		t.Errorf("got %q, want it as it was", got)
	}
}

// One destination whose route is gone for good must not keep the step from trying another
// again, which only changed meanwhile.
func TestWhatMayPassDecidesTheKind(t *testing.T) {
	t.Parallel()
	gone := &rollout.Error{Kind: rollout.NotFound, Err: errors.New("gone")}
	changed := &rollout.Error{Kind: rollout.Transient, Err: errors.New("changed meanwhile")}
	for _, problems := range [][]error{{gone, changed}, {changed, gone}, {nil, gone, changed}} {
		err := joined(problems)
		if rollout.KindOf(err) != rollout.Transient || !errors.Is(err, gone) {
			t.Errorf("%v is %s: %v", problems, rollout.KindOf(err), err)
		}
	}
	if err := joined([]error{nil, gone}); rollout.KindOf(err) != rollout.NotFound {
		t.Errorf("only what is final is %s", rollout.KindOf(err))
	}
	if err := joined([]error{nil, nil}); err != nil {
		t.Errorf("nothing is %v", err)
	}
}
