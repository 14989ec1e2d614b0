package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) target() *cli.Command {
	return group(&cli.Command{
		Name: "target", Usage: "see what is on a target, and what was",
		Subcommands: []*cli.Command{a.targetList(), a.targetDescribe()},
	})
}

func (a *app) targetList() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "list",
		Usage: "list what is stable and what runs, by pipeline and target",
		Description: "A target is listed once a release was sent there. Without --pipeline the list is of\n" +
			"all pipelines.\n\n" +
			"Examples:\n" +
			"   serin target list --pipeline shop\n" +
			"   serin target list --output json",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("target", "only this `TARGET`"), limitFlag(), outputFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				lanes, err := a.lanesOf(c, s)
				if err != nil {
					return err
				}
				return a.print(c, lanes, func(w io.Writer) {
					row(w, "PIPELINE", "TARGET", "STABLE", "RUNS", "QUEUE")
					for _, l := range lanes {
						row(w, l.Pipeline, l.Target, stableText(l), or(l.Holder, "-"), fmt.Sprint(len(l.Queue)))
					}
				})
			})
		},
	})
}

func (a *app) targetDescribe() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "describe",
		Usage: "say what is stable on a target, what runs, and what has been",
		Description: "What is stable, what runs or was left unsettled, the queue, the releases that were\n" +
			"rolled back, Signals and automations that were refused, and the last 20 rollouts:\n" +
			"who, when, why, and how they ended. Without --pipeline it is of every pipeline that\n" +
			"has been there. JSON is a list, one record for each pipeline.\n\n" +
			"Examples:\n" +
			"   serin target describe --pipeline shop --target prod\n" +
			"   serin target describe --target prod --output json",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("target", "the `TARGET`; of several at once, the multi-target"), outputFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				lanes, err := a.lanesOf(c, s)
				if err != nil {
					return err
				}
				if len(lanes) == 0 {
					return nothingThere(c.String("target"))
				}
				return a.print(c, lanes, func(w io.Writer) {
					for i, l := range lanes {
						if i > 0 {
							row(w)
						}
						(&laneDescription{Writer: w, LaneStatus: l, now: a.now()}).all()
					}
				})
			})
		},
	}, "target")
}

func nothingThere(target string) error {
	return &rollout.Error{
		Op: "describe target", On: target, Kind: rollout.NotFound, Err: fmt.Errorf("nothing was ever rolled out there"),
		Fix: "serin target list; a child target's record is its multi-target's",
	}
}

// lanesOf reads the lanes that the flags select: one, or all that are listed.
func (a *app) lanesOf(c *cli.Context, s *server) ([]rollout.LaneStatus, error) {
	f := a.filter(c)
	if f.Pipeline != "" && f.Target != "" {
		lane, err := s.targets.Lane(c.Context, f.Pipeline, f.Target)
		if rollout.KindOf(err) == rollout.NotFound {
			return []rollout.LaneStatus{}, nil
		}
		return []rollout.LaneStatus{lane}, err
	}
	found, err := s.targets.Lanes(c.Context, f)
	if err != nil {
		return nil, err
	}
	out := make([]rollout.LaneStatus, 0, len(found))
	for _, l := range found {
		lane, err := s.targets.Lane(c.Context, l.Pipeline, l.Target)
		if err != nil {
			return nil, err
		}
		out = append(out, lane)
	}
	slices.SortFunc(out, func(a, b rollout.LaneStatus) int {
		return strings.Compare(a.Pipeline+"/"+a.Target, b.Pipeline+"/"+b.Target)
	})
	return out, nil
}

// laneDescription writes the record of one pipeline on one target as text.
type laneDescription struct {
	io.Writer
	rollout.LaneStatus
	now time.Time
}

func (d *laneDescription) all() {
	row(d, "pipeline:", d.Pipeline)
	row(d, "target:", d.Target)
	row(d, "stable:", stableText(d.LaneStatus))
	row(d, "runs:", d.running())
	if l := d.Last; l != nil && l.Unsettled && l.Rollout != d.Holder {
		row(d, "unsettled:", fmt.Sprintf("%s, %s: a weight or a canary of %s is left; the next rollout settles it", l.Rollout, l.State, l.Release))
	}
	row(d, "queue:", or(strings.Join(d.Queue, ", "), "empty"))
	for _, r := range d.Records {
		if r.State == rollout.StatePendingApproval {
			row(d, "approval:", fmt.Sprintf("%s waits: serin rollout approve --pipeline %s --rollout %s", r.Rollout, d.Pipeline, r.Rollout))
		}
	}
	for _, r := range d.Rejected {
		row(d, "rejected:", rejectedText(r))
	}
	for _, n := range d.Notes {
		row(d, "note:", oneLine(n))
	}
	row(d)
	row(d, "ROLLOUT", "STATE", "CREATED", "TOOK", "BY", "WHY", "HOW IT ENDED")
	for i, r := range d.Records {
		row(d, r.Rollout, string(r.State), stamp(r.Created), or(elapsed(started(r), r.Ended, d.now), "-"),
			or(r.Actor, "-"), or(cell(why(r)), d.again(i)), or(cell(outcome(r)), "-"))
	}
}

// cell keeps a table readable where a platform has much to say: rollout describe says all of it.
func cell(s string) string { return fit(oneLine(s), 100) }

// stableText is "v1 (shop-1), by v1-to-prod-0001".
func stableText(l rollout.LaneStatus) string {
	r := l.Stable()
	if r == nil {
		return "none"
	}
	out := r.Release
	if r.Revision != "" {
		out += " (" + r.Revision + ")"
	}
	return out + ", by " + r.Rollout
}

func (d *laneDescription) running() string {
	if d.Holder == "" {
		return "nothing"
	}
	out := d.Holder
	if r := d.Record(d.Holder); r != nil {
		out += ", " + string(r.State)
		if r.PromotionBegun {
			out += ", promotion has begun"
		}
	}
	return out
}

func rejectedText(r rollout.Record) string {
	out := fmt.Sprintf("%s: %s was rolled back", r.Release, r.Rollout)
	if r.RolledBackBy != "" {
		out += " by " + r.RolledBackBy
	}
	return out + ", and is not offered until a newer release is made"
}

// started is when a rollout had the lane first. Records of earlier versions know only when
// it was made; one that never had the lane took no time.
func started(r rollout.Record) time.Time {
	if r.Started.IsZero() && r.Moved() {
		return r.Created
	}
	return r.Started
}

// why says what made a rollout.
func why(r rollout.Record) string {
	var parts []string
	if r.Automation != "" {
		parts = append(parts, "automation "+r.Automation)
	}
	if r.RollbackOf != "" {
		parts = append(parts, "rolls back "+r.RollbackOf)
	}
	if r.StartingPhase != "" {
		parts = append(parts, "from "+r.StartingPhase)
	}
	if r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	return strings.Join(parts, "; ")
}

// again says of a rollout without a reason whether its release was here before, or "-".
func (d *laneDescription) again(i int) string {
	r := d.Records[i]
	if slices.ContainsFunc(d.Records, func(other rollout.Record) bool {
		return other.Release == r.Release && other.Rollout < r.Rollout
	}) {
		return "once more"
	}
	return "-"
}

// outcome says how a rollout ended, beside its state.
func outcome(r rollout.Record) string {
	var parts []string
	if r.RolledBackBy != "" {
		parts = append(parts, "rolled back by "+r.RolledBackBy)
	}
	if r.Unsettled && !r.State.HoldsLane() {
		parts = append(parts, "unsettled")
	}
	if r.Failure != "" {
		parts = append(parts, r.Failure)
	}
	return strings.Join(parts, "; ")
}
