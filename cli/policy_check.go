package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// verdict is what serin policy check prints in JSON.
type verdict struct {
	Pipeline string           `json:"pipeline"`
	Target   string           `json:"target"`
	Action   pipeline.Action  `json:"action"`
	Invoker  pipeline.Invoker `json:"invoker"`
	At       time.Time        `json:"at"`
	Allowed  bool             `json:"allowed"`
	pipeline.Judgment
	Notes []string `json:"notes,omitempty"`
}

func (a *app) policyCheck() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "check",
		Usage: "say whether deploy policies forbid an action",
		Description: "Now, or at another instant: by the files that are named, offline, or by what is\n" +
			"configured. Exits 0 when the action is allowed, and 1 when it is forbidden.\n\n" +
			"Examples:\n" +
			"   serin policy check --pipeline shop --target prod --action ADVANCE\n" +
			"   serin policy check --pipeline shop --target prod --action CREATE --invoker DEPLOY_AUTOMATION \\\n" +
			"     --at '2026-12-24 18:00 Europe/Berlin' --file deploy/",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("target", "the `TARGET`"),
			text("action", "the `ACTION`: "+strings.Join(choices("action"), ", ")),
			&cli.StringFlag{Name: "invoker", Value: string(pipeline.InvokerUser), Usage: "`WHO` acts: USER or DEPLOY_AUTOMATION"},
			text("at", "`WHEN`: an RFC 3339 time, or \"2026-12-24 18:00 Europe/Berlin\"; without it now"),
			list(overrideFlag, "as if this `POLICY` were overridden; may be repeated"),
			fileFlag(), outputFlag(), artifactsFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			at, err := a.instant(c.String("at"))
			if err != nil {
				return err
			}
			v, err := a.judged(c, at)
			if err != nil {
				return err
			}
			if err := a.print(c, v, v.describe); err != nil || v.Allowed {
				return err
			}
			return &rollout.Error{
				Op: string(v.Action), On: v.Pipeline + " on " + v.Target, Kind: rollout.Refused,
				Err: fmt.Errorf("forbidden %s", until(v.Until)),
			}
		},
	}, "pipeline", "target", "action")
}

// instant reads --at; "" is now.
func (a *app) instant(s string) (time.Time, error) {
	if s == "" {
		return a.now().UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	wall, name := s, ""
	if i := strings.LastIndex(s, " "); i >= 0 {
		wall, name = s[:i], s[i+1:]
	}
	const layout = time.DateOnly + " 15:04"
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return time.Time{}, usage("policy check: --at %q: want 2026-12-24T18:00:00+01:00, or \"2026-12-24 18:00 Europe/Berlin\"", s)
	}
	t, err := time.ParseInLocation(layout, wall, zone)
	if err != nil {
		return time.Time{}, usage("policy check: --at %q: %q is no \"yyyy-mm-dd hh:mm\"", s, wall)
	}
	return t.UTC(), nil
}

// judged asks the policies of the files, or of what is configured.
func (a *app) judged(c *cli.Context, at time.Time) (verdict, error) {
	v := verdict{
		Pipeline: a.value(c, "pipeline"), Target: c.String("target"),
		Action: pipeline.Action(c.String("action")), Invoker: pipeline.Invoker(c.String("invoker")), At: at,
	}
	read := a.configured
	if len(c.StringSlice("file")) > 0 {
		read = a.load
	}
	config, err := read(c)
	if err != nil {
		return v, err
	}
	parent, err := placed(config, v.Pipeline, v.Target)
	if err != nil {
		return v, err
	}
	v.Judgment, err = config.Judge(pipeline.Question{
		Pipeline: v.Pipeline, Target: v.Target, Parent: parent, Action: v.Action, Invoker: v.Invoker,
		Override: c.StringSlice(overrideFlag),
	}, at)
	if err != nil { // the question is wrong: exit code 1 would be an answer
		return v, usage("policy check: %s", err)
	}
	v.Allowed = len(v.Violations) == 0
	if config.Pipeline(v.Pipeline).Suspended {
		v.Notes = append(v.Notes, "pipeline "+v.Pipeline+" is suspended, whatever policies say")
	}
	return v, nil
}

// configured loads what the namespace has taken over.
func (a *app) configured(c *cli.Context) (*pipeline.Config, error) {
	var index rollout.Index
	err := a.connect(c, func(s *server) (err error) {
		index, err = s.config.Index(c.Context)
		return err
	})
	if err != nil {
		return nil, err
	}
	var config *pipeline.Config
	err = a.withStore(c, func(store artifacts) error {
		config, err = pipeline.LoadEntries(index.Entries, func(digest string) ([]byte, error) {
			return store.Get(c.Context, digest)
		})
		return err
	})
	return config, err
}

// placed returns the multi-target that a target of the pipeline is a child of, or "". A name
// that does not exist would be allowed everything, so it is an error.
func placed(config *pipeline.Config, name, target string) (string, error) {
	p := config.Pipeline(name)
	if p == nil {
		var known []string
		for _, other := range config.Pipelines {
			known = append(known, other.Metadata.Name)
		}
		return "", usage("policy check: --pipeline %s: it does not exist; known are %s", name, or(strings.Join(known, ", "), "none"))
	}
	var known []string
	for _, s := range p.SerialPipeline.Stages {
		if s.TargetID == target {
			return "", nil
		}
		known = append(known, s.TargetID)
		t := config.Target(s.TargetID)
		if t == nil || t.MultiTarget == nil {
			continue
		}
		if slices.Contains(t.MultiTarget.TargetIDs, target) {
			return s.TargetID, nil
		}
		known = append(known, t.MultiTarget.TargetIDs...)
	}
	return "", usage("policy check: --target %s: the pipeline has %s", target, strings.Join(known, ", "))
}

func (v verdict) describe(w io.Writer) {
	row(w, "action:", fmt.Sprintf("%s by %s, of %s on %s", v.Action, v.Invoker, v.Pipeline, v.Target))
	row(w, "at:", stamp(v.At))
	answer := "allowed"
	if !v.Allowed {
		answer = "forbidden " + until(v.Until)
	}
	row(w, "answer:", answer)
	for _, part := range []struct {
		label string
		all   []pipeline.Violation
	}{{"because:", v.Violations}, {"overridden:", v.Overridden}, {"suspended:", v.Suspended}} {
		for _, x := range part.all {
			row(w, part.label, x.Text)
		}
	}
	for _, n := range v.Notes {
		row(w, "note:", n)
	}
}

// until is when a prohibition ends.
func until(t time.Time) string {
	if t.IsZero() {
		return "for good"
	}
	return "until " + stamp(t)
}
