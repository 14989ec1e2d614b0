package cli

import (
	"bytes"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) apply() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "apply",
		Usage: "take over pipelines, targets, automations and policies",
		Description: "Every document of every file is taken over, or none. Objects that are not in\n" +
			"the files stay as they are. Releases that exist are not changed: each one keeps\n" +
			"the configuration it was made with.\n\n" +
			"Examples:\n" +
			"   serin apply --file clouddeploy.yaml\n" +
			"   serin apply --file pipeline.yaml --file targets/\n" +
			"   kustomize build deploy | serin apply --file -",
		Flags: slices.Concat(
			[]cli.Flag{fileFlag(), text("by", "`WHO` applies, for the record"), outputFlag(), artifactsFlag()},
			connectionFlags(),
		),
		Action: func(c *cli.Context) error {
			config, err := a.load(c)
			if err != nil {
				return err
			}
			content, err := document(config)
			if err != nil {
				return err
			}
			return a.withStore(c, func(store artifacts) error {
				return a.connectWith(c, store, func(s *server) error {
					r, err := s.config.Apply(c.Context, content, a.value(c, "by"))
					if err != nil {
						return err
					}
					return a.print(c, r, func(w io.Writer) { applied(w, r) })
				})
			})
		},
	}, "file")
}

// document returns all objects as one file of YAML documents.
func document(config *pipeline.Config) ([]byte, error) {
	documents, err := config.Documents()
	if err != nil {
		return nil, err
	}
	var parts [][]byte
	for _, d := range documents {
		parts = append(parts, d.Content)
	}
	return bytes.Join(parts, []byte("---\n")), nil
}

func applied(w io.Writer, r rollout.ApplyResult) {
	row(w, "KIND", "NAME", "RESULT")
	for _, part := range []struct {
		result  string
		entries []rollout.Entry
	}{{"created", r.Created}, {"updated", r.Updated}, {"unchanged", r.Unchanged}} {
		for _, e := range part.entries {
			row(w, e.Kind, e.Name, part.result)
		}
	}
	for _, warning := range r.Warnings {
		row(w, "warning: "+warning)
	}
}
