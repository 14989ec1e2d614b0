package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) pipeline() *cli.Command {
	k := suspendable{
		kind: pipeline.KindDeliveryPipeline, flag: "pipeline", example: "shop",
		suspended: "While it is suspended nobody releases, promotes, rolls back, redeploys, approves, rejects,\n" +
			"advances, retries or ignores. Rollouts that run go on by themselves, and can be cancelled.",
	}
	return group(&cli.Command{
		Name: "pipeline", Usage: "suspend and resume a pipeline",
		Subcommands: []*cli.Command{a.suspend(k), a.unsuspend(k)},
	})
}

func (a *app) automation() *cli.Command {
	k := suspendable{
		kind: pipeline.KindAutomation, flag: "automation", example: "shop/auto",
		suspended: "While it is suspended it begins nothing; what it was about to do waits for a person.",
	}
	return group(&cli.Command{
		Name: "automation", Usage: "suspend and resume an automation",
		Subcommands: []*cli.Command{a.suspend(k), a.unsuspend(k)},
	})
}

func (a *app) policy() *cli.Command {
	k := suspendable{
		kind: pipeline.KindDeployPolicy, flag: "policy", example: "freeze",
		suspended: "While it is suspended it forbids nothing; what it would have forbidden is recorded.",
	}
	return group(&cli.Command{
		Name: "policy", Usage: "suspend and resume a deploy policy, or ask what is forbidden",
		Subcommands: []*cli.Command{a.policyCheck(), a.suspend(k), a.unsuspend(k)},
	})
}

// suspendable is a kind of object that can be suspended.
type suspendable struct {
	kind, flag, example string
	suspended           string // what that means
}

// article is "a pipeline" or "an automation".
func (k suspendable) article() string {
	if strings.HasPrefix(k.flag, "a") {
		return "an " + k.flag
	}
	return "a " + k.flag
}

func (k suspendable) name() cli.Flag {
	if k.flag == "pipeline" {
		return pipelineFlag()
	}
	return text(k.flag, "`NAME` of the "+k.flag+", such as "+k.example)
}

func (a *app) suspend(k suspendable) *cli.Command {
	return a.suspension(k, true, &cli.Command{
		Name: "suspend", Usage: "suspend " + k.article() + " from now on",
		Description: k.suspended + "\nIt holds from now on, until resume, or until an apply says otherwise.\n\n" +
			fmt.Sprintf("Examples:\n   serin %s suspend --%s %s --reason \"incident 12\"", k.flag, k.flag, k.example),
	})
}

func (a *app) unsuspend(k suspendable) *cli.Command {
	return a.suspension(k, false, &cli.Command{
		Name: "resume", Usage: "end the suspension of " + k.article(),
		Description: fmt.Sprintf("Examples:\n   serin %s resume --%s %s", k.flag, k.flag, k.example),
	})
}

func (a *app) suspension(k suspendable, suspended bool, c *cli.Command) *cli.Command {
	c.Flags = slices.Concat([]cli.Flag{
		k.name(), text("by", "`WHO` acts, for the record"), text("reason", "`WHY`, for the record"), outputFlag(),
	}, connectionFlags())
	c.Action = func(ctx *cli.Context) error {
		r := rollout.Suspend{
			Kind: k.kind, Name: a.value(ctx, k.flag), Suspended: suspended,
			Actor: a.value(ctx, "by"), Reason: ctx.String("reason"),
		}
		return a.connect(ctx, func(s *server) error {
			result, err := s.config.Suspend(ctx.Context, r)
			if err != nil {
				return err
			}
			return a.print(ctx, result, func(w io.Writer) { row(w, r.Name+": "+suspensionText(r, result)) })
		})
	}
	return a.verb(c, k.flag)
}

func suspensionText(r rollout.Suspend, result rollout.ApplyResult) string {
	now := "suspended"
	if !r.Suspended {
		now = "not suspended"
	}
	if len(result.Updated) == 0 {
		return "was " + now + " already"
	}
	return "now " + now
}
