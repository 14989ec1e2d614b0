package rollout

// CanaryPods is how many pods a canary needs to be at least the share p of all pods, while
// the original keeps its own: ceil(p*R/(100-p)), in integers, because the same in floating
// point is wrong for some pairs. original is at least 0.
//
// At 100, which no number of pods reaches beside an original, it is original: the size of
// who takes over from it.
func CanaryPods(original int, p Weight) int {
	switch share := int(p); {
	case share <= 0 || original <= 0:
		return 0
	case share >= 100:
		return original
	default:
		return (share*original + 99 - share) / (100 - share)
	}
}

// ConstantPods divides total pods between both: the canary gets ceil(total*p/100) and the
// original the rest, which may be none. total is at least 0 and counts the pods of both, so
// it must be the number from before the first phase: recomputed from a half-done step it
// would grow.
func ConstantPods(total int, p Weight) (canary, original int) {
	if total <= 0 {
		return 0, 0
	}
	canary = (total*min(max(int(p), 0), 100) + 99) / 100
	return canary, total - canary
}

// Pods is how many pods a canary has whose share is set by a router: Count, or Percent of
// original, or with a nil Size the share p of it. It is at least 1, also at weight 0 and
// beside an original that has none: a canary without pods answers nothing.
func (s *Size) Pods(original int, p Weight) int {
	percent := int(p)
	switch {
	case s == nil:
	case s.Count > 0:
		return s.Count
	default:
		percent = s.Percent
	}
	return max(1, (max(original, 0)*percent+99)/100)
}
