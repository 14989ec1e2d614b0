package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeWord is the hidden first argument with which a shell asks what may stand
// at the cursor: the words so far follow, the one at the cursor last.
const completeWord = "__complete"

func (a *app) completion() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "completion",
		Usage: "print a script that completes commands and flags in a shell",
		Description: "Examples:\n" +
			"   source <(serin completion --shell bash)\n" +
			"   source <(serin completion --shell zsh)\n" +
			"   serin completion --shell fish | source",
		Flags: []cli.Flag{text("shell", "the `SHELL`: bash, zsh or fish")},
		Action: func(c *cli.Context) error {
			return write(a.Out, completionScript(c.String("shell")))
		},
	}, "shell")
}

// completionScript asks the program itself, so it stays right when the program
// changes. Where the program has no word, the shell offers files.
func completionScript(shell string) string {
	switch shell {
	case "bash":
		return `_serin() {
	local IFS=$'\n'
	COMPREPLY=($(serin ` + completeWord + ` "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _serin serin
`
	case "zsh":
		return `#compdef serin
_serin() {
	local -a found
	found=("${(@f)$(serin ` + completeWord + ` "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "${found[1]}" ]]; then
		compadd -- "${found[@]}"
	else
		_files
	fi
}
compdef _serin serin
`
	case "fish":
		return `function __serin_complete
	set -l words (commandline -opc)
	serin ` + completeWord + ` $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c serin -a '(__serin_complete)'
`
	}
	return ""
}

// complete prints what may stand at the end of words, one per line.
func (a *app) complete(words []string) {
	for _, w := range candidates(a.program().Commands, words) {
		// A shell that has gone away needs no answer.
		_ = write(a.Out, w+"\n")
	}
}

// candidates returns what the last of words may become.
func candidates(commands []*cli.Command, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	before, current := words[:len(words)-1], words[len(words)-1]
	var at *cli.Command
	pending := "" // the flag that the next word is the value of
	for _, w := range before {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(w) })
		switch {
		case pending != "":
			pending = ""
		case strings.HasPrefix(w, "-"):
			pending = valueFlag(at, w)
		case i >= 0:
			at, commands = commands[i], commands[i].Subcommands
		}
	}
	if pending != "" {
		return beginning(current, choices(pending))
	}
	if name, value, ok := strings.Cut(current, "="); ok && strings.HasPrefix(name, "-") {
		var out []string
		for _, v := range beginning(value, choices(valueFlag(at, name))) {
			out = append(out, name+"="+v)
		}
		return out
	}
	if len(commands) > 0 && !strings.HasPrefix(current, "-") {
		return beginning(current, names(commands))
	}
	return beginning(current, flagWords(at))
}

// valueFlag returns the name of the flag that word is and that needs a value, or "".
func valueFlag(c *cli.Command, word string) string {
	if c == nil {
		return ""
	}
	for _, f := range c.Flags {
		_, boolean := f.(*cli.BoolFlag)
		if !boolean && slices.Contains(f.Names(), strings.TrimLeft(word, "-")) {
			return f.Names()[0]
		}
	}
	return ""
}

func flagWords(c *cli.Command) []string {
	if c == nil {
		return []string{"--help"}
	}
	var out []string
	for _, f := range c.Flags {
		out = append(out, "--"+f.Names()[0])
	}
	slices.Sort(out)
	return out
}

func beginning(prefix string, words []string) []string {
	var out []string
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			out = append(out, w)
		}
	}
	return out
}
