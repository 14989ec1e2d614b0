package kubernetes

import (
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func atVersion(version string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	o.SetName("a")
	o.SetResourceVersion(version)
	o.SetUID("one")
	return o
}

// versions are those of the objects that an entry serves.
func versions(e *entry) string {
	text := ""
	for _, o := range e.list() {
		text += " " + o.GetResourceVersion()
		if o.GetDeletionTimestamp() != nil {
			text += " going"
		}
	}
	return text
}

func TestReadsDoNotGoBackBehindOwnWrites(t *testing.T) {
	t.Parallel()
	type step struct {
		what string
		do   func(e *entry) error
		want string
	}
	none := func(do func(e *entry)) func(e *entry) error {
		return func(e *entry) error { do(e); return nil }
	}
	for name, steps := range map[string][]step{
		"an update": {
			{"it is there", func(e *entry) error { return e.Replace([]any{atVersion("10")}, "12") }, " 10"},
			{"we write", none(func(e *entry) { e.wrote(atVersion("15"), false) }), " 15"},
			{"an older change comes", func(e *entry) error { return e.Update(atVersion("14")) }, " 15"},
			{"a newer change comes", func(e *entry) error { return e.Update(atVersion("16")) }, " 16"},
		},
		"a creation": {
			{"nothing is there", func(e *entry) error { return e.Replace(nil, "12") }, ""},
			{"we create it", none(func(e *entry) { e.wrote(atVersion("15"), false) }), " 15"},
			{"it comes", func(e *entry) error { return e.Add(atVersion("15")) }, " 15"},
			{"it goes", func(e *entry) error { return e.Delete(atVersion("17")) }, ""},
		},
		"a creation that is gone when a watch begins anew": {
			{"nothing is there", func(e *entry) error { return e.Replace(nil, "12") }, ""},
			{"we create it", none(func(e *entry) { e.wrote(atVersion("15"), false) }), " 15"},
			{"it never comes", func(e *entry) error { return e.Replace(nil, "20") }, ""},
		},
		"a deletion": {
			{"it is there", func(e *entry) error { return e.Replace([]any{atVersion("10")}, "12") }, " 10"},
			{"we delete it", none(func(e *entry) {
				going, now := atVersion("10"), metav1.Now()
				going.SetDeletionTimestamp(&now)
				e.wrote(going, true)
			}), " 10 going"},
			{"an older change comes", func(e *entry) error { return e.Update(atVersion("11")) }, " 10 going"},
			{"it is gone", func(e *entry) error { return e.Delete(atVersion("13")) }, ""},
			{"somebody makes it anew", func(e *entry) error {
				o := atVersion("14")
				o.SetUID("another")
				return e.Add(o)
			}, " 14"},
		},
	} {
		e := newEntry(query{name: "a"})
		for _, s := range steps {
			if err := s.do(e); err != nil {
				t.Fatalf("%s: %s: %v", name, s.what, err)
			}
			if got := versions(e); got != s.want {
				t.Errorf("%s: %s: served are%s, want%s", name, s.what, got, s.want)
			}
		}
	}
}

func TestARefusedWatchIsAnswered(t *testing.T) {
	t.Parallel()
	e := newEntry(query{name: "a"})
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New("no"))
	e.attempted(refusal)
	if err := e.ready(t.Context()); !errors.Is(err, refusal) {
		t.Errorf("error is %v, want the refusal", err)
	}
}

func TestAWaiterIsWokenByWhatItHasRead(t *testing.T) {
	t.Parallel()
	e, sub := newEntry(query{name: "a"}), newSubscription()
	e.timer, e.cancel = time.NewTimer(time.Hour), func() {}
	sub.add(e)
	woken := func() bool {
		select {
		case <-sub.changed:
			return true
		default:
			return false
		}
	}
	if err := e.Replace([]any{atVersion("1")}, "1"); err != nil || !woken() {
		t.Errorf("the first answer woke nobody (%v)", err)
	}
	if err := e.Update(atVersion("2")); err != nil || !woken() || woken() {
		t.Errorf("a change did not wake once (%v)", err)
	}
	if e.used = time.Now().Add(-2 * viewIdle); e.idle() {
		t.Error("it may end while somebody waits")
	}
	sub.end()
	if err := e.Update(atVersion("3")); err != nil || woken() {
		t.Errorf("who has left was woken (%v)", err)
	}
	if !e.idle() {
		t.Error("it may not end although nobody has asked for long")
	}
}
