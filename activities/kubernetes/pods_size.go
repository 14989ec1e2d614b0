package kubernetes

import (
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// podCount is the pods of one Deployment.
type podCount struct {
	exists bool
	want   int // that its spec asks for
	ready  int
	listed int // ready endpoints of the Service
}

// serving is how many pods surely take requests.
func (c podCount) serving() int { return min(c.ready, c.listed) }

// podState is all that the split by pods consists of.
type podState struct {
	canary, original podCount
	weight           rollout.Weight // that both were brought to last
}

// podGoal is how many pods both are to have for a weight.
type podGoal struct {
	canary   int
	original int  // of a constant total
	constant bool // else the original is left alone
}

// goalFor returns the goal for a weight beside an original of total pods, as it was
// before the first phase.
func goalFor(mode rollout.Pods, total int, p rollout.Weight) podGoal {
	if !mode.Constant {
		return podGoal{canary: rollout.CanaryPods(total, p)}
	}
	canary, original := rollout.ConstantPods(total, p)
	return podGoal{canary: canary, original: original, constant: true}
}

// podMove is what one call writes: the number of pods both are asked for, and whether
// the goal is reached with it, so that the weight may be stamped.
type podMove struct {
	canary, original int
	done             bool
}

// from returns the next move towards g. With a constant total first what has to grow
// grows, and what has to shrink does so when the other has what it is to
// have: the pods that serve are never fewer than the total, also if the caller ends
// between the two.
func (g podGoal) from(now podState) podMove {
	m := podMove{canary: now.canary.want, original: now.original.want}
	if !g.constant {
		m.canary, m.done = g.canary, true
		return m
	}
	if m.canary < g.canary || m.original < g.original {
		m.canary, m.original = max(m.canary, g.canary), max(m.original, g.original)
		return m
	}
	if now.canary.serving() >= g.canary {
		m.original = g.original
	}
	if now.original.serving() >= g.original {
		m.canary = g.canary
	}
	m.done = m.canary == g.canary && m.original == g.original
	return m
}

// names are what people call the two Deployments and their Service.
type podNames struct{ canary, original, service string }

// waits says which of both has other pods than it was asked for, and "" when the split
// is what it can be.
//
// A canary that is being emptied is only waited for while it has too many: it
// may never become ready. An original is waited for while it shares the
// requests; one that we leave alone and that has no ready pod at all is not, because
// nothing that a release waits for would mend it.
func (s podState) waits(n podNames, constant, leaving bool) string {
	if c := s.canary; c.exists && (!leaving || max(c.ready, c.listed) > c.want) {
		if text := c.waits(n.canary, n.service); text != "" {
			return text
		}
	}
	alone := s.weight == 0 && s.canary.want == 0
	dead := !constant && s.original.ready == 0
	if alone || dead || !s.original.exists {
		return ""
	}
	return s.original.waits(n.original, n.service)
}

func (c podCount) waits(name, service string) string {
	switch {
	case c.ready != c.want:
		return fmt.Sprintf("deployment %s has %d ready of %s", name, c.ready, count(c.want, "pod"))
	case c.listed != c.want:
		return fmt.Sprintf("service %s has %s of deployment %s, which has %s", service, count(c.listed, "ready endpoint"), name, count(c.want, "pod"))
	}
	return ""
}

// share tells what the pods that are ready make of the weight, "" where there is no
// canary.
func (s podState) share() string {
	c, o := s.canary.serving(), s.original.serving()
	switch {
	case c == 0 && s.weight == 0:
		return ""
	case c+o == 0:
		return "by pod count: no pod is ready"
	}
	return fmt.Sprintf("by pod count: %d canary, %d original: %d%%", c, o, (100*c+(c+o)/2)/(c+o))
}

// asked is how many pods the original asks for while no rollout divides them, nil where
// it does not exist: what a rollout that begins now would record.
func asked(r release) *int {
	if r.original == nil {
		return nil
	}
	n := undivided(r.original, r.canary)
	return &n
}
