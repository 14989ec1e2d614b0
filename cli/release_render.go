package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// renderLook is how often a release is asked how far its containers are.
const renderLook = 2 * time.Second

// rendered waits while containers render the release, and tells how far they are. Others are rendered
// already.
func (a *app) rendered(ctx context.Context, s *server, status rollout.ReleaseStatus) (rollout.ReleaseStatus, error) {
	told := ""
	for status.RenderState == rollout.StateInProgress {
		text := renderText(status)
		for _, w := range status.Waiting {
			text += "; " + oneLine(w.Reason)
		}
		if text != told {
			told = text
			if _, err := fmt.Fprintln(a.Err, status.Release+": "+text); err != nil {
				return status, err
			}
		}
		select {
		case <-ctx.Done():
		case <-a.tick(renderLook):
		}
		now, err := s.releases.Release(ctx, status.Pipeline, status.Release)
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return status, &rollout.Error{
				Op: "wait for release", On: status.Release, Kind: rollout.Expired, Err: errors.New(told),
				Fix: "it goes on without you: " + describeLine(status),
			}
		case ctx.Err() != nil:
			return status, &interrupted{text: fmt.Sprintf("interrupted: %s goes on, %s", status.Release, told)}
		case err != nil:
			return status, err
		}
		status = now
	}
	return status, nil
}

// renderText is "IN_PROGRESS, containers have rendered 3 of 12 phases".
func renderText(s rollout.ReleaseStatus) string {
	if s.RenderState == rollout.StateSucceeded || s.Renders == nil {
		return string(s.RenderState)
	}
	return string(s.RenderState) + fmt.Sprintf(", containers have rendered %d of %d phases", s.Renders.Done, s.Renders.All)
}

// unrendered is the error of a release that could not be planned.
func unrendered(s rollout.ReleaseStatus) error {
	err := &rollout.Error{Op: "create release", On: s.Release, Kind: rollout.Failed, Err: errors.New(s.Failure)}
	if s.FailureLogs != "" {
		err.Fix = describeLine(s) + " --logs"
	}
	return err
}

func describeLine(s rollout.ReleaseStatus) string {
	return fmt.Sprintf("serin release describe --pipeline %s --release %s", s.Pipeline, s.Release)
}

// releaseLogs is a release with what the container that has failed it has written.
type releaseLogs struct {
	rollout.ReleaseStatus
	Logs string `json:"logs,omitempty"`
}

// read gets the logs, where there are any.
func (r *releaseLogs) read(ctx context.Context, store artifacts) error {
	if r.FailureLogs == "" {
		return nil
	}
	content, err := store.Get(ctx, r.FailureLogs)
	r.Logs = string(content)
	return err
}

func (r *releaseLogs) print(w io.Writer) {
	describeRelease(w, r.ReleaseStatus)
	if r.Logs == "" {
		return
	}
	row(w)
	row(w, "its container has written:")
	for line := range strings.Lines(r.Logs) {
		row(w, "   "+printable(line))
	}
}
