package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

const stdin = "-"

func fileFlag() cli.Flag {
	return list("file", "YAML `FILE`, a folder of them, or - for the standard input; may be repeated")
}

// readFiles reads what --file names. Of a folder it takes every *.yaml and *.yml,
// but nothing below it.
func (a *app) readFiles(c *cli.Context) ([]pipeline.File, error) {
	var out []pipeline.File
	for _, name := range c.StringSlice("file") {
		files, err := a.readFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

func (a *app) readFile(name string) ([]pipeline.File, error) {
	if name == stdin {
		content, err := io.ReadAll(a.In)
		if err != nil {
			return nil, fmt.Errorf("read the standard input: %w", err)
		}
		return []pipeline.File{{Name: "stdin", Content: content}}, nil
	}
	paths := []string{name}
	about, err := os.Stat(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	if about.IsDir() {
		if paths, err = yamlFiles(name); err != nil {
			return nil, err
		}
	}
	var out []pipeline.File
	for _, p := range paths {
		content, err := os.ReadFile(p)
		if err != nil {
			return nil, unreadable(p, err)
		}
		out = append(out, pipeline.File{Name: p, Content: content})
	}
	return out, nil
}

func yamlFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, unreadable(folder, err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(e.Name())) {
			out = append(out, filepath.Join(folder, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, unreadable(folder, errors.New("has no *.yaml or *.yml file"))
	}
	return out, nil
}

// unreadable is bad input: what the command line names cannot be read.
func unreadable(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // the name is said already
	}
	return &rollout.Error{Op: "read", On: name, Kind: rollout.Invalid, Err: err}
}

// load reads and judges the files of --file. Problems are an error of kind Invalid
// with one line each.
func (a *app) load(c *cli.Context) (*pipeline.Config, error) {
	files, err := a.readFiles(c)
	if err != nil {
		return nil, err
	}
	config, err := pipeline.Load(files...)
	var problems pipeline.Problems
	if errors.As(err, &problems) && len(problems) > 1 {
		err = fmt.Errorf("%d problems\n%w", len(problems), problems)
	}
	return config, invalid("read the configuration", err)
}

// invalid gives an error without a kind the kind Invalid: it is about the input.
func invalid(op string, err error) error {
	if err == nil || rollout.KindOf(err) != "" {
		return err
	}
	return &rollout.Error{Op: op, Kind: rollout.Invalid, Err: err}
}
