package jobs

import (
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Bounds of an Outcome, in bytes: all reasons together, and each of them.
const (
	maxReasons = 4 << 10
	maxReason  = 400
)

// outcome sums up: a failure outweighs what is inconclusive, and that outweighs a pass.
func outcome(found []rollout.CheckStatus) rollout.Outcome {
	out := rollout.Outcome{Verdict: verdictOf(found), Checks: found}
	limit := min(maxReason, maxReasons/max(len(found), 1))
	for i := range found {
		found[i].Reason = cut(found[i].Reason, limit)
		if out.Reason == "" && out.Verdict != rollout.VerdictPass && found[i].Verdict == out.Verdict {
			out.Reason = found[i].Reason
		}
	}
	return out
}

func verdictOf(found []rollout.CheckStatus) rollout.Verdict {
	out := rollout.VerdictPass
	for _, c := range found {
		switch c.Verdict {
		case rollout.VerdictFail:
			return rollout.VerdictFail
		case rollout.VerdictInconclusive:
			out = rollout.VerdictInconclusive
		case rollout.VerdictPass, "": // "" was not tried, because of another one
		}
	}
	return out
}

// cut puts a text on one line of at most limit bytes.
func cut(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}
