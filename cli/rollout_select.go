package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// selected connects, finds the rollout that the flags name, and calls use.
func (a *app) selected(c *cli.Context, use func(s *server, n rolloutName) error) error {
	byName, byRelease := c.String("rollout") != "", c.String("release") != "" || c.String("target") != ""
	switch {
	case byName && byRelease:
		return usage("%s: --rollout names one rollout: leave out --release and --target", title(c.Command))
	case !byName && (c.String("release") == "" || c.String("target") == ""):
		return usage("%s: which rollout? give --rollout, or --release and --target for the newest", title(c.Command))
	}
	n := rolloutName{pipeline: a.value(c, "pipeline"), name: c.String("rollout")}
	return a.connect(c, func(s *server) error {
		if !byName {
			var err error
			if n.name, err = newest(c.Context, s, n.pipeline, c.String("release"), c.String("target")); err != nil {
				return err
			}
		}
		return use(s, n)
	})
}

// newest returns the newest rollout of a release to a target, as the lane knows it.
func newest(ctx context.Context, s *server, pipeline, release, target string) (string, error) {
	lane, err := s.targets.Lane(ctx, pipeline, target)
	if rollout.KindOf(err) == rollout.NotFound { // a child has no lane of its own
		found, listErr := s.rollouts.Rollouts(ctx, client.Filter{Pipeline: pipeline, Release: release, Target: target, Limit: 1})
		if listErr == nil && len(found) > 0 {
			return found[0].Rollout, nil
		}
	}
	if err != nil {
		return "", err
	}
	for _, r := range lane.Records {
		if r.Release == release {
			return r.Rollout, nil
		}
	}
	e := &rollout.Error{
		Op: "find rollout", On: fmt.Sprintf("of release %s to %s", release, target), Kind: rollout.NotFound,
		Err: errors.New("the target has no rollout yet"),
	}
	if len(lane.Records) > 0 {
		e.Err = fmt.Errorf("the target's newest rollout is %s", lane.Records[0].Rollout)
		e.Fix = "serin rollout list --pipeline " + pipeline + " --target " + target
	}
	return "", e
}
