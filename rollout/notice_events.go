package rollout

import (
	"cmp"
	"fmt"
	"strings"
)

// maxNotice bounds the text of a notice, in bytes.
const maxNotice = 400

// subject is what an event is told as.
type subject struct {
	topic  Topic
	action NoticeAction
}

// NoticesOf returns what others are told of e, which s, the status of a rollout of p, has just
// applied: none for most events. Their ID and Seq are not set.
func NoticesOf(p Plan, s *Status, e Event) []Notice {
	var out []Notice
	for _, each := range subjects(s, e) {
		n := notice(p, s, e)
		n.Topic, n.Action = each.topic, each.action
		if n.Topic == TopicOperations && e.Job != "" {
			n.Resource = ResourceJobRun
		}
		out = append(out, n)
	}
	return out
}

func subjects(s *Status, e Event) []subject {
	switch e.Kind {
	case EventCreated:
		if s.State == StatePendingApproval {
			return []subject{{TopicResources, NoticeCreate}, {TopicApprovals, NoticeRequired}}
		}
		return []subject{{TopicResources, NoticeCreate}}
	case EventWaiting:
		return waits(s, e)
	case EventAdvanced:
		if s.Controller == "" { // of a child it is what its controller has told already
			return []subject{{TopicAdvances, NoticeAdvanced}}
		}
	case EventApproved:
		if s.Approval.State == ApprovalGiven {
			return []subject{{TopicApprovals, NoticeApproved}}
		}
	case EventRejected:
		return []subject{{TopicApprovals, NoticeRejected}}
	case EventShifted:
		return []subject{{TopicResources, NoticeUpdate}}
	default:
		if action := operation(e); action != "" {
			return []subject{{TopicOperations, action}}
		}
	}
	return nil
}

// waits tells what somebody has to do something about. A lane or a timer comes by itself, and a
// controller says for all of its children that they wait for an advance.
func waits(s *Status, e Event) []subject {
	if e.Waiting == nil {
		return nil
	}
	switch e.Waiting.For {
	case WaitAdvance:
		if s.Controller == "" {
			return []subject{{TopicAdvances, NoticeRequired}}
		}
	case WaitPerson, WaitWorker, WaitMetrics:
		return []subject{{TopicOperations, NoticeWaiting}}
	case WaitApproval, WaitLane, WaitTimer, WaitWindow:
	}
	return nil
}

// operation returns the action of an event on TopicOperations, or "".
func operation(e Event) NoticeAction {
	actions := map[EventKind]NoticeAction{
		EventGranted: NoticeStart, EventFailed: NoticeFailure,
		EventJobStarted: NoticeStart, EventJobSucceeded: NoticeSucceed, EventJobFailed: NoticeFailure, EventJobTerminated: NoticeTerminated,
		EventRestored: NoticeRestored, EventRestoreFailed: NoticeRestoreFailed,
	}
	ends := map[State]NoticeAction{StateSucceeded: NoticeSucceed, StateCancelled: NoticeCancelled}
	if e.Kind == EventEnded {
		return ends[e.State] // FAILED and APPROVAL_REJECTED have been told when they came about
	}
	return actions[e.Kind]
}

// notice is what every notice of e says.
func notice(p Plan, s *Status, e Event) Notice {
	n := Notice{
		Time: e.Time, Resource: ResourceRollout, Pipeline: s.Pipeline, Target: s.Target, Release: s.Release, Rollout: s.Rollout,
		Type: RolloutSingle, Controller: s.Controller, Phase: e.Phase, Job: e.Job, Attempt: e.Attempt,
		State: s.State, Weight: s.Weight, Text: noticeText(s, e), Actor: e.Actor,
	}
	switch {
	case s.Controller != "":
		n.Type = RolloutChild
	case p.Parallel != nil:
		n.Type = RolloutController
	}
	if job := s.Job(e.Phase, e.Job); job != nil && job.Run != nil && n.Attempt == 0 && p.Parallel == nil {
		n.Attempt = job.Run.Attempt
	}
	n.at(p)
	if e.Waiting != nil {
		n.waits(s, *e.Waiting)
	}
	return n
}

// at adds what is rolled out and where.
func (n *Notice) at(p Plan) {
	n.Place = Location(p.Target.Location)
	if p.CloudRun != nil {
		n.Service = p.CloudRun.Service
	}
	if p.Kubernetes != nil {
		n.Service, n.Space = p.Kubernetes.Deployment, p.Kubernetes.Namespace
	}
	if c := p.Target.Cluster; c != nil {
		n.Space, n.Place = cmp.Or(n.Space, c.Namespace), Location(cmp.Or(c.GKE, c.Membership))
	}
}

// waits adds what is waited for, and what answers it.
func (n *Notice) waits(s *Status, w Waiting) {
	n.For = w.For
	if next, _ := s.NextPhase(); w.For == WaitAdvance && next != nil {
		n.Phase = next.ID
	}
	if len(w.Commands) > 0 {
		n.Command = short(w.Commands[0])
	}
}

func noticeText(s *Status, e Event) string {
	text := e.String()
	switch {
	case e.Kind == EventFailed && e.Note == "" && s.Failure != "":
		text += ": " + s.Failure
	case e.Kind == EventCreated && s.State == StatePendingApproval && e.Waiting != nil:
		text += ": " + e.Waiting.Reason
	}
	return short(text)
}

func short(text string) string {
	const more = "..."
	if len(text) <= maxNotice {
		return text
	}
	return strings.ToValidUTF8(text[:maxNotice-len(more)], "") + more
}

// Source is where the notice comes from, the same for all of a rollout: "rollout/shop/v2-to-prod-0001".
func (n Notice) Source() string { return RolloutID(n.Pipeline, n.Rollout) }

// Numbered returns n with its number, and the ID that follows of it.
func (n Notice) Numbered(seq int) Notice {
	n.Seq, n.ID = seq, fmt.Sprintf("%s/%d", n.Source(), seq)
	return n
}

// JobRun is the id of the job run that the notice is about, such as "canary-25-verify-1"; "" where it is
// about the rollout.
func (n Notice) JobRun() string {
	if n.Resource != ResourceJobRun {
		return ""
	}
	return fmt.Sprintf("%s-%s-%d", n.Phase, n.Job, max(1, n.Attempt))
}

// Name is the resource that the notice is about, in the manner of Cloud Deploy:
// "deliveryPipelines/shop/releases/v2/rollouts/v2-to-prod-0001".
func (n Notice) Name() string {
	name := "deliveryPipelines/" + n.Pipeline + "/releases/" + n.Release + "/rollouts/" + n.Rollout
	if run := n.JobRun(); run != "" {
		name += "/jobRuns/" + run
	}
	return name
}

// key tells a notice from every other, also from that of a rollout of the same name that somebody
// has made again.
func (n Notice) key() string { return fmt.Sprintf("%s@%d", n.ID, n.Time.UnixNano()) }
