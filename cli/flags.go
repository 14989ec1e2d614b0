package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

const (
	connectionCategory = "Connection"
	textOutput         = "text"
	jsonOutput         = "json"
)

// environment returns the variable that stands for a flag which is not given, or "".
func environment(flag string) string {
	switch flag {
	case "pipeline":
		return "SERIN_PIPELINE"
	case "artifacts":
		return "SERIN_ARTIFACTS"
	case "by":
		return "USER"
	}
	return ""
}

// choices returns what a flag may be, or nil if that is not a closed list.
func choices(flag string) []string {
	switch flag {
	case "output":
		return []string{textOutput, jsonOutput}
	case "shell":
		return []string{"bash", "zsh", "fish"}
	case "action":
		return words(pipeline.Actions())
	case "invoker":
		return words(pipeline.Invokers())
	case "job":
		return []string{
			string(rollout.JobPredeploy), string(rollout.JobDeploy), string(rollout.JobVerify),
			string(rollout.JobAnalysis), string(rollout.JobPostdeploy),
		}
	}
	return nil
}

func words[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = string(w)
	}
	return out
}

// checkChoices refuses a value that its flag does not know.
func checkChoices(ctx *cli.Context) error {
	for _, f := range ctx.Command.Flags {
		name := f.Names()[0]
		known, got := choices(name), ctx.String(name)
		if known == nil || got == "" || slices.Contains(known, got) {
			continue
		}
		return usage("%s: --%s %q: one of %s", title(ctx.Command), name, got, strings.Join(known, ", "))
	}
	return nil
}

// value returns what a flag was given, or its environment variable, or its default.
func (a *app) value(ctx *cli.Context, flag string) string {
	if ctx.IsSet(flag) {
		return ctx.String(flag)
	}
	if name := environment(flag); name != "" {
		return cmp.Or(a.Env(name), ctx.String(flag))
	}
	return ctx.String(flag)
}

func text(name, usage string) cli.Flag {
	if env := environment(name); env != "" {
		usage += " [$" + env + "]"
	}
	return &cli.StringFlag{Name: name, Usage: usage}
}

func list(name, usage string) cli.Flag { return &cli.StringSliceFlag{Name: name, Usage: usage} }

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Value: textOutput,
		Usage: "how to print: `FORMAT` is text or json",
	}
}

func connectionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name: "address", Category: connectionCategory,
			Usage: "Temporal's `HOST:PORT`, over the environment and the profile [$TEMPORAL_ADDRESS]",
		},
		&cli.StringFlag{
			Name: "namespace", Category: connectionCategory,
			Usage: "Temporal `NAMESPACE`, over the environment and the profile [$TEMPORAL_NAMESPACE]",
		},
		&cli.StringFlag{
			Name: "profile", Category: connectionCategory,
			Usage: "`PROFILE` of Temporal's own configuration file [$TEMPORAL_PROFILE]",
		},
	}
}

func artifactsFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "artifacts", Category: connectionCategory,
		Usage: "`URL` of the artifact store: file://, gs:// or s3:// [$SERIN_ARTIFACTS]",
	}
}

func pipelineFlag() cli.Flag { return text("pipeline", "the delivery `PIPELINE`") }

// selectFlags name one rollout.
func selectFlags() []cli.Flag {
	return []cli.Flag{
		pipelineFlag(),
		text("rollout", "the rollout's `NAME`, such as v2-to-prod-0001"),
		text("release", "with --target: the newest rollout of this `RELEASE`"),
		text("target", "with --release: on this `TARGET`"),
	}
}

// overrideFlag names deploy policies that do not hold for one command.
const overrideFlag = "override-deploy-policy"

// actorFlags say who acts. They are a claim for the record: who may act is decided by
// the namespace's authorization.
func actorFlags() []cli.Flag {
	return []cli.Flag{
		text("by", "`WHO` acts, for the record"),
		text("reason", "`WHY`, for the record"),
		list(overrideFlag, "act although this deploy `POLICY` forbids it; needs --reason, may be repeated"),
	}
}

// overrides are the deploy policies that do not hold. What is overridden is recorded with a reason.
func overrides(c *cli.Context) ([]string, error) {
	names := c.StringSlice(overrideFlag)
	if len(names) > 0 && c.String("reason") == "" {
		return nil, usage("%s: --%s needs --reason", title(c.Command), overrideFlag)
	}
	return names, nil
}

// pairs reads name=value lists, separated by commas or given by several flags. A
// backslash before a comma makes it part of the value.
func pairs(flag string, values []string) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range values {
		for _, part := range splitList(v) {
			name, value, ok := strings.Cut(part, "=")
			if !ok || name == "" {
				return nil, usage("--%s %q: write name=value (a comma inside a value is written \\,)", flag, part)
			}
			if old, twice := out[name]; twice && old != value {
				return nil, usage("--%s %s: given twice, as %q and as %q", flag, name, old, value)
			}
			out[name] = value
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// splitList splits at every comma that has no backslash before it.
func splitList(s string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ',':
			b.WriteByte(',')
			i++
		case s[i] == ',':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(out, b.String())
}
