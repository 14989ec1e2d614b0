package rollout

import (
	"cmp"
	"slices"
	"time"
)

const (
	// KeptUnanswered is how many requests a lane keeps at most to try them again.
	KeptUnanswered = 20

	// tryAgain is how long a request waits that nobody answered. It doubles up to maxTryAgain.
	tryAgain    = time.Minute
	maxTryAgain = time.Hour
)

// Unanswered is a request by Signal that a lane carries out later: what is configured or stored
// did not answer when it came.
type Unanswered struct {
	Command string    `json:"command"` // promote, rollback or redeploy
	Create  Create    `json:"create"`
	Tries   int       `json:"tries"`
	At      time.Time `json:"at"` // when it is tried again
	Failure string    `json:"failure"`
}

// Awaits reports whether the request is kept to be tried again.
func (s *LaneStatus) Awaits(c Create) bool {
	return c.Request != "" && slices.ContainsFunc(s.Unanswered, func(u Unanswered) bool { return u.Create.Request == c.Request })
}

// TryAgain keeps the request, and reports whether there was room. It goes on meaning the rollout
// that it means now.
func (s *LaneStatus) TryAgain(u Unanswered, now time.Time) bool {
	if len(s.Unanswered) >= KeptUnanswered {
		return false
	}
	meant := map[string]*Record{UpdateRollback: s.NewestStarted(), UpdateRedeploy: s.NewestQueued()}[u.Command]
	if meant != nil {
		u.Create.Rollout = cmp.Or(u.Create.Rollout, meant.Rollout)
	}
	wait := tryAgain
	for range u.Tries {
		wait = min(2*wait, maxTryAgain)
	}
	u.Tries, u.At = u.Tries+1, now.Add(wait)
	s.Unanswered = append(s.Unanswered, u)
	return true
}

// NextTry returns the request that is tried again first, and its index, or nil and -1.
func (s *LaneStatus) NextTry() (*Unanswered, int) {
	first := -1
	for i, u := range s.Unanswered {
		if first < 0 || u.At.Before(s.Unanswered[first].At) {
			first = i
		}
	}
	if first < 0 {
		return nil, -1
	}
	return &s.Unanswered[first], first
}

// Revived drops what the rollout's own repair has asked for: it goes on, or has ended, by a
// person's command.
func (s *LaneStatus) Revived(rollout string) {
	s.Unanswered = slices.DeleteFunc(s.Unanswered, func(u Unanswered) bool {
		return u.Create.Automation != "" && u.Create.Rollout == rollout
	})
}
