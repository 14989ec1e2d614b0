package workflows_test

import "testing"

// TestARolloutSaysWhichPoliciesWentUnheeded: whoever made it with the lane's permission wrote why.
func TestARolloutSaysWhichPoliciesWentUnheeded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.plan.Phases = s.plan.Phases[2:]
	s.start.Actor, s.start.Reason = "ann", "outage"
	s.start.Overridden, s.start.Logged = []string{"freeze/all"}, []string{"old/all"}
	equal(t, "path", path(s.run(t))[:3], []string{
		"created by ann (outage)", "overridden: a new rollout against freeze/all by ann (outage)",
		"policy: old/all would have refused a new rollout, and is suspended",
	})
}
