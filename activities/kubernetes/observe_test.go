package kubernetes

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestAskedIsWhatTheOriginalHadUndivided(t *testing.T) {
	t.Parallel()
	deployment := func(spec map[string]any, total string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		if total != "" {
			o.SetAnnotations(map[string]string{annotationTotal: total})
		}
		return o
	}
	pods := func(n int) map[string]any { return map[string]any{"replicas": int64(n)} }
	const none = -1
	for _, row := range []struct {
		name             string
		original, canary *unstructured.Unstructured
		want             int
	}{
		{"nothing", nil, nil, none},
		{"a canary alone", nil, deployment(pods(2), "4"), none},
		{"an original alone", deployment(pods(3), ""), nil, 3},
		{"one that leaves it open", deployment(map[string]any{}, ""), nil, 1},
		{"scaled to 0", deployment(pods(0), ""), nil, 0},
		{"beside a canary of its own", deployment(pods(3), ""), deployment(pods(1), ""), 3},
		{"divided", deployment(pods(1), ""), deployment(pods(3), "4"), 4},
		{"divided before, and put together again", deployment(pods(6), ""), deployment(pods(0), "4"), 6},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := none
			if n := asked(release{original: row.original, canary: row.canary}); n != nil {
				got = *n
			}
			if got != row.want {
				t.Errorf("asks for %d, want %d", got, row.want)
			}
		})
	}
}
