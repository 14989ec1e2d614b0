package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/serin-dev/serin/rollout"
)

// group finishes a command that has only subcommands.
func group(c *cli.Command) *cli.Command {
	c.HideHelp = true
	c.Flags = append(c.Flags, helpFlag())
	c.OnUsageError = usageError
	verbs := c.Subcommands
	c.Action = func(ctx *cli.Context) error {
		if ctx.NArg() == 0 {
			return usage("%s: a command is missing: one of %s", title(c), strings.Join(names(verbs), ", "))
		}
		return unknownCommand(title(c), ctx.Args().First(), verbs)
	}
	return c
}

// verb finishes a command that does something: it refuses stray arguments, and
// says which of the mandatory flags are missing, all at once.
func (a *app) verb(c *cli.Command, mandatory ...string) *cli.Command {
	c.HideHelp = true
	c.Flags = append(c.Flags, helpFlag())
	c.OnUsageError = usageError
	for _, f := range c.Flags {
		if slices.Contains(mandatory, f.Names()[0]) {
			require(f)
		}
	}
	c.Before = func(ctx *cli.Context) error {
		if ctx.NArg() > 0 {
			return a.stray(ctx, mandatory)
		}
		if missing := a.missing(ctx, mandatory); len(missing) > 0 {
			return usage("%s: missing %s (see %s --help)", title(c), strings.Join(dashed(missing), ", "), c.HelpName)
		}
		return checkChoices(ctx)
	}
	return c
}

// require notes in the help that a flag must be given. The library's own Required
// would print the whole help to the output on each mistake.
func require(f cli.Flag) {
	const note = " (required)"
	switch f := f.(type) {
	case *cli.StringFlag:
		f.Usage += note
	case *cli.StringSliceFlag:
		f.Usage += note
	}
}

func (a *app) missing(ctx *cli.Context, mandatory []string) []string {
	return slices.DeleteFunc(slices.Clone(mandatory), func(name string) bool {
		if ctx.IsSet(name) { // a string, or a list of them
			return !slices.Contains(append(ctx.StringSlice(name), ctx.String(name)), "")
		}
		return a.Env(environment(name)) != ""
	})
}

// stray refuses an argument that belongs to no flag, and names the flag that was
// probably meant: the first mandatory one that is missing, or one of that name.
func (a *app) stray(ctx *cli.Context, mandatory []string) error {
	word := ctx.Args().First()
	e := fmt.Sprintf("%s: takes flags only, got %q", title(ctx.Command), word)
	likely := ""
	if missing := a.missing(ctx, mandatory); len(missing) > 0 {
		likely = missing[0]
	}
	name := strings.TrimLeft(word, "-")
	for _, f := range ctx.Command.Flags {
		if slices.Contains(f.Names(), name) {
			likely = f.Names()[0]
			return usage("%s (did you mean --%s?)", e, likely)
		}
	}
	if likely == "" {
		return usage("%s (see %s --help)", e, ctx.Command.HelpName)
	}
	return usage("%s (did you mean --%s %s?)", e, likely, word)
}

// helpFlag is one for each command: the library's own is a single variable, which
// every parse writes to.
func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this", DisableDefaultText: true}
}

func unknownCommand(in, word string, known []*cli.Command) error {
	if word == "help" {
		return usage("%s: help is a flag: --help", in)
	}
	if near := nearest(word, names(known)); near != "" {
		return usage("%s: unknown command %q (did you mean %s?)", in, word, near)
	}
	return usage("%s: unknown command %q: one of %s", in, word, strings.Join(names(known), ", "))
}

// usageError words what the flag parser found.
func usageError(ctx *cli.Context, err error, _ bool) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		var known []string
		for _, f := range ctx.Command.Flags {
			known = append(known, f.Names()...)
		}
		name = strings.TrimLeft(name, "-")
		text = fmt.Sprintf("unknown flag --%s", name)
		if slices.Contains(names(ctx.Command.Subcommands), name) {
			text += fmt.Sprintf(" (did you mean the command %s?)", name)
		} else if near := nearest(name, known); near != "" {
			text += fmt.Sprintf(" (did you mean --%s?)", near)
		}
	}
	return usage("%s: %s", title(ctx.Command), text)
}

// usage returns an error about the command line itself.
func usage(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	op, cause, ok := strings.Cut(text, ": ")
	if !ok {
		return &rollout.Error{Op: text, Kind: rollout.Invalid}
	}
	return &rollout.Error{Op: op, Kind: rollout.Invalid, Err: errors.New(cause)}
}

// title is the command as errors call it: "rollout advance".
func title(c *cli.Command) string {
	if c.HelpName == "serin" {
		return "command line"
	}
	return strings.TrimPrefix(c.HelpName, "serin ")
}

func names(commands []*cli.Command) []string {
	var out []string
	for _, c := range commands {
		if !c.Hidden {
			out = append(out, c.Name)
		}
	}
	return out
}

func dashed(flags []string) []string {
	out := make([]string, len(flags))
	for i, f := range flags {
		out[i] = "--" + f
	}
	return out
}

// nearest returns the known word that is at most two edits away from word, or the
// only one that begins with it, or "".
func nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		d := smetrics.WagnerFischer(word, k, 1, 1, 1)
		if len(word) > 2 && strings.HasPrefix(k, word) {
			d = 1
		}
		if d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}
