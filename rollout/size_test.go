package rollout_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

func TestCanaryPods(t *testing.T) {
	t.Parallel()
	originals := []int{0, 1, 2, 3, 4, 5, 10}
	for _, row := range []struct {
		p    rollout.Weight
		want []int
	}{
		{0, []int{0, 0, 0, 0, 0, 0, 0}},
		{1, []int{0, 1, 1, 1, 1, 1, 1}},
		{10, []int{0, 1, 1, 1, 1, 1, 2}},
		{25, []int{0, 1, 1, 1, 2, 2, 4}},
		{33, []int{0, 1, 1, 2, 2, 3, 5}},
		{50, []int{0, 1, 2, 3, 4, 5, 10}},
		{75, []int{0, 3, 6, 9, 12, 15, 30}},
		{80, []int{0, 4, 8, 12, 16, 20, 40}},
		{90, []int{0, 9, 18, 27, 36, 45, 90}},
		{99, []int{0, 99, 198, 297, 396, 495, 990}},
		{100, []int{0, 1, 2, 3, 4, 5, 10}},
	} {
		for i, original := range originals {
			if got := rollout.CanaryPods(original, row.p); got != row.want[i] {
				t.Errorf("%d%% beside %d pods: %d, want %d", row.p, original, got, row.want[i])
			}
		}
	}
}

func TestConstantPods(t *testing.T) {
	t.Parallel()
	totals := []int{1, 2, 3, 4, 5, 10}
	for _, row := range []struct {
		p    rollout.Weight
		want [][2]int // canary, original
	}{
		{0, [][2]int{{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 10}}},
		{1, [][2]int{{1, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 9}}},
		{25, [][2]int{{1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 3}, {3, 7}}},
		{33, [][2]int{{1, 0}, {1, 1}, {1, 2}, {2, 2}, {2, 3}, {4, 6}}},
		{50, [][2]int{{1, 0}, {1, 1}, {2, 1}, {2, 2}, {3, 2}, {5, 5}}},
		{75, [][2]int{{1, 0}, {2, 0}, {3, 0}, {3, 1}, {4, 1}, {8, 2}}},
		{90, [][2]int{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {9, 1}}},
		{99, [][2]int{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {10, 0}}},
		{100, [][2]int{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {10, 0}}},
	} {
		for i, total := range totals {
			canary, original := rollout.ConstantPods(total, row.p)
			if got := [2]int{canary, original}; got != row.want[i] {
				t.Errorf("%d%% of %d pods: %v, want %v", row.p, total, got, row.want[i])
			}
		}
	}
	if canary, original := rollout.ConstantPods(0, 50); canary != 0 || original != 0 {
		t.Errorf("of no pods: %d and %d", canary, original)
	}
}

// These are pairs for which ceil(T*(p/100)) in floating point is one too many.
func TestPodCountsAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total int
		p     rollout.Weight
		want  int
	}{{25, 28, 7}, {50, 14, 7}, {100, 7, 7}} {
		if got, _ := rollout.ConstantPods(c.total, c.p); got != c.want {
			t.Errorf("%d%% of %d pods: %d, want %d", c.p, c.total, got, c.want)
		}
	}
}

// A canary has the share that was asked for or a little more, and never a pod more than
// that takes.
func TestPodsAreTheFewestThatMakeTheShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		pods := rapid.IntRange(1, 5000).Draw(r, "pods")
		p := rapid.IntRange(1, 99).Draw(r, "percent")
		fewest := func(name string, canary, all, fewer int) {
			if 100*canary < p*all || 100*(canary-1) >= p*fewer {
				r.Errorf("%s: %d canary pods of %d", name, canary, all)
			}
		}
		c := rollout.CanaryPods(pods, rollout.Weight(p))
		fewest("beside", c, pods+c, pods+c-1)
		c, o := rollout.ConstantPods(pods, rollout.Weight(p))
		if c+o != pods || o < 0 {
			r.Errorf("constant: %d and %d pods are not %d", c, o, pods)
		}
		fewest("constant", c, pods, pods)
		var share *rollout.Size
		fewest("by a router", share.Pods(pods, rollout.Weight(p)), pods, pods)
	})
}

func TestSizePods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size     *rollout.Size
		original int
		p        rollout.Weight
		want     int
	}{
		{nil, 10, 25, 3},
		{nil, 10, 0, 1},
		{nil, 0, 50, 1},
		{nil, 3, 100, 3},
		{&rollout.Size{Count: 2}, 10, 50, 2},
		{&rollout.Size{Percent: 50}, 5, 10, 3},
		{&rollout.Size{Percent: 1}, 0, 10, 1},
	} {
		if got := c.size.Pods(c.original, c.p); got != c.want {
			t.Errorf("%+v at %d%% beside %d pods: %d, want %d", c.size, c.p, c.original, got, c.want)
		}
	}
}
