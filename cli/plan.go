package cli

import (
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// planned is what serin plan prints in JSON.
type planned struct {
	Pipeline string         `json:"pipeline"`
	Release  string         `json:"release"`
	Source   string         `json:"source"` // digest of the packed source
	Notes    []string       `json:"notes"`
	Stages   []plannedStage `json:"stages"`
}

// plannedStage is one target of a plan: of a stage, or a child of one. Its phases and
// Plan.Phases are the same, in the same order.
type plannedStage struct {
	Target string         `json:"target"`
	Plan   rollout.Plan   `json:"plan"`
	Phases []plannedPhase `json:"phases"`
	Live   *liveState     `json:"live,omitempty"` // with --live; of a multi-target its children have it

	Automations []string       `json:"automations,omitempty"` // of a stage: those that act on it, as the files have them
	Children    []plannedStage `json:"children,omitempty"`    // of a multi-target, in its order

	manifests [][]byte        // by phase
	stable    render.Manifest // of the last phase
}

type plannedPhase struct {
	ID     string `json:"id"`
	Begins string `json:"begins"`

	Jobs []plannedJob `json:"jobs,omitempty"` // besides the deploy of Serin itself, in order
	// Render is what containers do that render the phase when the release is made: then it
	// has no manifest yet, and no Objects. It hides what a job's Spec hides.
	Render *rollout.JobSpec `json:"render,omitempty"`
	Pods   *plannedPods     `json:"pods,omitempty"` // beside an original, by the manifest's number or the cluster's

	Objects []string `json:"objects,omitempty"` // "Service/shop"; a multi-target itself has none
	Diff    string   `json:"diff,omitempty"`    // to the manifest of the phase before, unified; "" if that is of another kind

	renders string // digest of what Render does, with what is hidden
	other   bool   // the phase before has a manifest of another kind, or there is none
}

func (a *app) plan() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "plan",
		Usage: "show what a release would do, before anything starts",
		Description: "Compiles and renders exactly as a release does: every phase of every target and\n" +
			"child, its weight, its jobs, how it begins, and what its manifest changes against\n" +
			"the phase before; approvals, waves, and the automations that will act. Works\n" +
			"offline, with the manifest's numbers. With --live it also observes the targets: what\n" +
			"serves now, whether this is the first rollout, and whether somebody has changed the\n" +
			"split since the last one. No target is changed. What containers render for custom\n" +
			"targets is rendered when the release is made, and has no manifest here.\n\n" +
			"Examples:\n" +
			"   serin plan --file clouddeploy.yaml --pipeline shop --release v2 --source .\n" +
			"   serin plan --file deploy/ --pipeline shop --release v2 --source . \\\n" +
			"     --images app=registry.example/shop:v2 --target prod --live",
		Flags: slices.Concat([]cli.Flag{
			fileFlag(), pipelineFlag(), text("release", "`NAME` of the release"),
			text("source", "`FOLDER` with the manifests or a skaffold.yaml"), imagesFlag(), parametersFlag(),
			text("target", "only this `TARGET`, of a stage or a child"),
			&cli.BoolFlag{Name: "live", Usage: "observe the targets", DisableDefaultText: true}, outputFlag(),
			artifactsFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			p, err := a.compile(c)
			if err != nil {
				return err
			}
			if c.Bool("live") {
				if err := a.observe(c, p); err != nil {
					return err
				}
			}
			return a.print(c, p, func(w io.Writer) { printPlan(w, p) })
		},
	}, "file", "pipeline", "release", "source")
}

func imagesFlag() cli.Flag {
	return list("images", "`NAME=REFERENCE` puts an image in place of its name; comma-separated or repeated")
}

func parametersFlag() cli.Flag {
	return list("parameters", "`KEY=VALUE` deploy parameter; comma-separated or repeated, \\, is a comma")
}
