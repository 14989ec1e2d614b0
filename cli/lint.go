package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
)

// problem is one line of serin lint in JSON.
type problem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // from 1
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

// lintResult is what serin lint prints in JSON.
type lintResult struct {
	Objects  int       `json:"objects"` // 0 when the files could not be read
	Problems []problem `json:"problems"`
}

func (a *app) lint() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "lint",
		Usage: "check pipelines, targets, automations and policies without a server",
		Description: "Reads the files as apply does, judges every object by itself and all of them\n" +
			"together, and prints every problem, one per line. Works offline.\n\n" +
			"Examples:\n" +
			"   serin lint --file clouddeploy.yaml\n" +
			"   serin lint --file deploy/ --output json",
		Flags: []cli.Flag{fileFlag(), outputFlag()},
		Action: func(c *cli.Context) error {
			files, err := a.readFiles(c)
			if err != nil {
				return err
			}
			objects, problems, err := judge(files)
			if err != nil {
				return err
			}
			result := lintResult{Objects: objects, Problems: []problem{}}
			for _, p := range problems {
				result.Problems = append(result.Problems, problem(p))
			}
			err = a.print(c, result, func(w io.Writer) {
				for _, p := range problems {
					row(w, p.String())
				}
				if len(problems) == 0 {
					row(w, fmt.Sprintf("%s, no problem", count(objects, "object")))
				}
			})
			if err != nil || len(problems) == 0 {
				return err
			}
			return usage("lint: %s", count(len(problems), "problem"))
		},
	}, "file")
}

// judge returns how many objects the files hold, and everything that is wrong.
func judge(files []pipeline.File) (int, pipeline.Problems, error) {
	config, err := pipeline.Load(files...)
	var problems pipeline.Problems
	switch {
	case errors.As(err, &problems):
		return 0, problems, nil
	case err != nil:
		return 0, nil, err
	}
	documents, err := config.Documents()
	if err != nil {
		return 0, nil, err
	}
	return len(documents), config.Check(), nil
}

// count is a number with its noun: "1 problem", "2 problems".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
