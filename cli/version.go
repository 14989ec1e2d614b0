package cli

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// build says which program this is. Empty fields are not known.
type build struct {
	Version  string `json:"version"` // the module's version, "(devel)" for a local build
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) version() *cli.Command {
	return a.verb(&cli.Command{
		Name:        "version",
		Usage:       "say which build this is",
		Description: "Examples:\n   serin version\n   serin version --output json",
		Flags:       []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			b := built()
			return a.print(c, b, func(w io.Writer) {
				commit := b.Commit
				if b.Modified {
					commit += " (modified)"
				}
				row(w, "serin", b.Version)
				row(w, "commit", or(commit, "-"))
				row(w, "go", b.Go)
				row(w, "platform", b.Platform)
			})
		},
	})
}

func built() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	about, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = or(about.Main.Version, b.Version)
	for _, s := range about.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
