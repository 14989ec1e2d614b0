package cloudrun

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/internal/google"
	"github.com/serin-dev/serin/rollout"
)

// Observe reads the service, the release's revision and w.Stable. Split is that
// of trafficStatuses. A service that does not exist is settled; StableReady is
// true where w names no stable revision, as there is nothing to wait for.
//
// Errors: Invalid for a manifest that cannot be carried over; Denied; Transient;
// those of Artifacts.
func (p *Provider) Observe(ctx context.Context, w activities.Work) (rollout.Observed, error) {
	s, err := p.openRelease(ctx, "observe", w)
	if err != nil {
		return rollout.Observed{}, err
	}
	return s.observe(ctx)
}

// Changed looks at once and then at growing intervals until Observe differs from
// since. It returns an error of Observe, or ctx's own when ctx ends.
func (p *Provider) Changed(ctx context.Context, w activities.Work, since rollout.Observed) error {
	s, err := p.openRelease(ctx, "watch", w)
	if err != nil {
		return err
	}
	for again := p.poll.begin(); ; {
		now, err := s.observe(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		if !sameObserved(now, since) {
			return nil
		}
		if err := again.wait(ctx); err != nil {
			return err
		}
	}
}

// sameObserved compares as JSON: since may have been through it, which makes
// empty lists nil.
func sameObserved(a, b rollout.Observed) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (s *step) observe(ctx context.Context) (rollout.Observed, error) {
	o := rollout.Observed{Revision: s.revision, Settled: true, StableReady: s.w.Stable == ""}
	svc, err := s.get(ctx)
	if err != nil || svc == nil {
		return o, err
	}
	o.Exists, o.Settled = true, settled(svc)
	o.Split = serving(svc)
	o.Generation, o.By, o.URL = svc.Generation, svc.LastModifier, svc.Uri
	own, err := s.getRevision(ctx, s.revision)
	if err != nil {
		return rollout.Observed{}, err
	}
	o.Ready = ready(own)
	switch s.w.Stable {
	case "":
	case s.revision:
		o.StableReady = o.Ready
	default:
		stable, err := s.getRevision(ctx, s.w.Stable)
		if err != nil {
			return rollout.Observed{}, err
		}
		o.StableReady = ready(stable)
	}
	o.Failure = s.failure(svc, own)
	if o.Failure == "" {
		o.Progress = s.progress(svc, own)
	}
	return o, nil
}

// failure says why the platform gave up on the release's revision. If it could
// not even make it, the service says why.
func (s *step) failure(svc *run.GoogleCloudRunV2Service, own *run.GoogleCloudRunV2Revision) string {
	if own != nil {
		return gaveUp(own)
	}
	if s.adopts() {
		return s.gone()
	}
	if terminallyFailed(svc) && svc.Template != nil && svc.Template.Revision == s.revision {
		return why(svc.TerminalCondition)
	}
	return ""
}

// progress says what the platform is busy with, or what keeps it from being done.
func (s *step) progress(svc *run.GoogleCloudRunV2Service, own *run.GoogleCloudRunV2Revision) string {
	if own != nil && !ready(own) {
		return cmp.Or(why(readyCondition(own)), fmt.Sprintf("revision %s is starting", s.revision))
	}
	c := svc.TerminalCondition
	switch {
	case !settled(svc):
		return cmp.Or(why(c), "the platform is applying a change")
	case c != nil && c.State == stateFailed:
		return why(c)
	default:
		return ""
	}
}

func readyCondition(rev *run.GoogleCloudRunV2Revision) *run.GoogleCloudRunV2Condition {
	for _, c := range rev.Conditions {
		if c.Type == "Ready" {
			return c
		}
	}
	return nil
}

func ready(rev *run.GoogleCloudRunV2Revision) bool {
	if rev == nil {
		return false
	}
	c := readyCondition(rev)
	return c != nil && c.State == stateSucceeded
}

// gaveUp says why the platform gave up on rev, "" while it has not.
func gaveUp(rev *run.GoogleCloudRunV2Revision) string {
	c := readyCondition(rev)
	if c == nil || c.State != stateFailed || c.Severity == "WARNING" || c.Severity == "INFO" {
		return ""
	}
	return cmp.Or(why(c), "the platform gives no reason")
}

func terminallyFailed(svc *run.GoogleCloudRunV2Service) bool {
	c := svc.TerminalCondition
	return !svc.Reconciling && c != nil && c.State == stateFailed
}

// why is a condition in the platform's words, "REASON: message".
func why(c *run.GoogleCloudRunV2Condition) string {
	if c == nil {
		return ""
	}
	reason := cmp.Or(c.Reason, c.RevisionReason, c.ExecutionReason)
	switch {
	case reason == "":
		return google.Cut(c.Message)
	case c.Message == "":
		return reason
	default:
		return reason + ": " + google.Cut(c.Message)
	}
}
