package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// reference writes the commands as a page of Markdown.
func reference(app *cli.App) string {
	var b strings.Builder
	b.WriteString("<!-- Generated from the commands: go test ./cli -update -->\n\n# serin\n\n")
	b.WriteString(sentence(app.Usage) + "\n\n")
	intro, _, _ := strings.Cut(app.Description, "\n\n")
	b.WriteString(strings.ReplaceAll(intro, "\n", " ") + "\n")
	b.WriteString(`
Commands take flags only. A flag may be written ` + "`--name value` or `--name=value`" + `.
With ` + "`--output json`" + ` what a command reads or did is JSON on the standard output, and an
error is ` + "`{\"error\":{\"kind\":\"...\",\"message\":\"...\"}}`" + ` on the standard error. The kind is one of
Serin's error kinds, the state of a rollout that did not succeed, WAITING, or Interrupted.

Where Temporal is comes from Temporal's own environment variables and configuration file;
the flags only override them. ` + "`lint`, `plan` and `completion`" + ` need no server,
nor does ` + "`policy check --file`" + `.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | the command failed |
| 2 | bad input |
| 3 | the rollout failed, was cancelled or rolled back |
| 4 | the rollout waits for an advance, an approval or a person |
| 5 | timed out |
| 6 | cannot reach Temporal |
`)
	for _, c := range app.Commands {
		referTo(&b, "serin", c)
	}
	return b.String()
}

func referTo(b *strings.Builder, path string, c *cli.Command) {
	full := path + " " + c.Name
	if len(c.Subcommands) > 0 {
		for _, sub := range c.Subcommands {
			referTo(b, full, sub)
		}
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n", full, sentence(c.Usage))
	text, examples, _ := strings.Cut(c.Description, "Examples:\n")
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintf(b, "\n%s\n", text)
	}
	if examples = strings.TrimRight(examples, "\n"); examples != "" {
		lines := strings.Split(examples, "\n")
		for i, l := range lines {
			lines[i] = strings.TrimPrefix(l, "   ")
		}
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.Join(lines, "\n"))
	}
	b.WriteString("\n| flag | meaning |\n|---|---|\n")
	flags := slices.Clone(c.Flags)
	slices.SortStableFunc(flags, func(a, b cli.Flag) int { return strings.Compare(category(a), category(b)) })
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || f.Names()[0] == "help" {
			continue
		}
		names := "`--" + f.Names()[0] + "`"
		for _, short := range f.Names()[1:] {
			names += ", `-" + short + "`"
		}
		usage := strings.ReplaceAll(strings.ReplaceAll(doc.GetUsage(), "`", ""), "|", "\\|")
		if d := doc.GetDefaultText(); d != "" {
			usage += " (default " + strings.Trim(d, `"`) + ")"
		}
		fmt.Fprintf(b, "| %s | %s |\n", names, usage)
	}
}

func category(f cli.Flag) string {
	if c, ok := f.(cli.CategorizableFlag); ok {
		return c.GetCategory()
	}
	return ""
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
