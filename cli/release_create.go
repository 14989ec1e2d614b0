package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) releaseCreate() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "create",
		Usage: "make a release and send it to its first target",
		Description: "Packs the source, stores it, and returns once the release is rendered and\n" +
			"planned; while containers render it, it tells how far they are. The same request\n" +
			"again is the same release; another one under the same name is refused. In the name\n" +
			"$DATE is today and $TIME is now, in UTC: such a name makes a new release each time.\n" +
			"With --wait and --output json the rollout is a second JSON object.\n\n" +
			"Examples:\n" +
			"   serin release create --pipeline shop --release v2 --source . --images app=registry.example/shop:v2\n" +
			"   serin release create --pipeline shop --release 'shop-$DATE-$TIME' --source deploy --wait --timeout 1h",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("release", "`NAME` of the release; $DATE and $TIME are filled in"),
			text("source", "`FOLDER` with the manifests or a skaffold.yaml"), imagesFlag(), parametersFlag(),
			text("description", "`TEXT` for people, at most 255 characters"), text("by", "`WHO` releases, for the record"),
			&cli.BoolFlag{Name: "wait", Usage: "wait for the first rollout as rollout wait does", DisableDefaultText: true},
			timeoutFlag(), outputFlag(), artifactsFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			r, packed, _, err := a.sourceRequest(c)
			if err != nil {
				return err
			}
			r.Description, r.Actor = c.String("description"), a.value(c, "by")
			if n := len([]rune(r.Description)); n > 255 {
				return usage("release create: --description has %d characters, at most 255", n)
			}
			err = a.withStore(c, func(store artifacts) error {
				r.Source, err = store.Put(c.Context, packed)
				return err
			})
			if err != nil {
				return err
			}
			return a.connect(c, func(s *server) error { return a.created(c, s, r) })
		},
	}, "pipeline", "release", "source")
}

// named fills in $DATE (20060102) and $TIME (150405), in UTC.
func named(pattern string, now time.Time) string {
	now = now.UTC()
	return strings.NewReplacer("$DATE", now.Format("20060102"), "$TIME", now.Format("150405")).Replace(pattern)
}

// created creates the release and prints it with the name of its first rollout.
func (a *app) created(c *cli.Context, s *server, r rollout.CreateRequest) error {
	status, err := s.releases.CreateRelease(c.Context, r)
	if err != nil {
		return err
	}
	ctx, stop := a.limited(c)
	defer stop()
	if status, err = a.rendered(ctx, s, status); err != nil {
		return err
	}
	if status.RenderState == rollout.StateFailed {
		return unrendered(status)
	}
	name, err := a.firstRollout(ctx, s, status, c.Bool("wait"))
	if err != nil {
		return err
	}
	switch {
	case name != "":
		status.Stages = slices.Clone(status.Stages) // they are the answer's, not ours
		status.Stages[0].Rollout = name
	case len(status.Stages) > 0:
		if now, err := s.releases.Release(ctx, status.Pipeline, status.Release); err == nil {
			status = now
		}
	}
	if err := a.print(c, status, func(w io.Writer) { describeRelease(w, status) }); err != nil {
		return err
	}
	if !c.Bool("wait") || name == "" {
		return nil
	}
	return a.wait(ctx, c, s, rolloutName{r.Pipeline, name})
}

// numbering is how long create waits for the lane to number the first rollout.
const numbering = 10 * time.Second

// firstRollout returns the name of the rollout to the first target. Unless patient
// it is "" if the lane does not number it soon, which is no failure: the release
// exists. It is "" as well for a release without targets.
func (a *app) firstRollout(ctx context.Context, s *server, status rollout.ReleaseStatus, patient bool) (string, error) {
	if len(status.Stages) == 0 {
		return "", nil
	}
	first := status.Stages[0]
	if first.Rollout != "" {
		return first.Rollout, nil
	}
	if patient {
		return s.releases.WaitRollout(ctx, status.Pipeline, status.Release, first.Target)
	}
	soon, stop := context.WithTimeout(ctx, numbering)
	defer stop()
	name, err := s.releases.WaitRollout(soon, status.Pipeline, status.Release, first.Target)
	switch rollout.KindOf(err) {
	case rollout.Expired:
		if ctx.Err() == nil {
			return "", nil
		}
	case rollout.Refused: // the release is there all the same, and says why it went nowhere
		return "", nil
	default:
	}
	return name, err
}

func describeRelease(w io.Writer, s rollout.ReleaseStatus) {
	row(w, "release:", s.Release)
	row(w, "pipeline:", s.Pipeline)
	row(w, "digest:", or(s.Digest, "-"))
	row(w, "rendered:", renderText(s))
	if s.Failure != "" {
		row(w, "failure:", s.Failure)
	}
	if s.Description != "" {
		row(w, "description:", s.Description)
	}
	row(w, "created:", fmt.Sprintf("%s by %s", stamp(s.Created), or(s.Actor, "-")))
	if !s.Ended.IsZero() {
		row(w, "ended:", stamp(s.Ended))
	}
	if s.Abandoned {
		row(w, "abandoned:", "no new rollout of it, and none back to it")
	}
	for _, wait := range s.Waiting {
		row(w, "waits for:", waitText(wait))
		for _, c := range wait.Commands {
			row(w, "command:", c)
		}
	}
	for _, n := range s.Notes {
		row(w, "note:", oneLine(n))
	}
	stageTable(w, s.Stages)
}

func stageTable(w io.Writer, stages []rollout.StageStatus) {
	if len(stages) == 0 {
		return
	}
	row(w)
	row(w, "TARGET", "ROLLOUT", "STATE")
	for _, st := range stages {
		row(w, st.Target, or(st.Rollout, "-"), stageText(st))
	}
}

// stageText is "SUCCEEDED, superseded by v3", or "-" where the release has not been.
func stageText(st rollout.StageStatus) string {
	out := or(string(st.State), "-")
	switch {
	case st.RolledBackBy != "":
		out += ", rolled back by " + st.RolledBackBy
	case st.Superseded != "":
		out += ", superseded by " + st.Superseded
	case st.Refused != "" && st.Rollout == "":
		out = "refused: " + oneLine(st.Refused)
	}
	return out
}

// waitText is "timer: promote to prod by shop/auto/rule, until 2026-03-01 13:00:00Z".
func waitText(w rollout.Waiting) string {
	out := string(w.For) + ": " + oneLine(w.Reason)
	if !w.Until.IsZero() {
		out += ", until " + stamp(w.Until)
	}
	return out
}
