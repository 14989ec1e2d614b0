package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

// question is asked before something happens that is hard to take back.
type question struct {
	text  string
	show  func(io.Writer) // what would happen
	named bool            // the command line says all of it: where nobody can answer, nobody is asked
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "ask nothing", DisableDefaultText: true}
}

// confirm shows what would happen and asks for it on a terminal. Elsewhere it needs --yes,
// unless the command line has named everything.
//
// Errors: Refused when the answer is not yes; Invalid when there is nobody to ask.
func (a *app) confirm(c *cli.Context, q question) error {
	yes := c.Bool("yes")
	if !yes && !a.Asks && !q.named {
		return usage("%s: there is no terminal to ask on, so it needs --yes", title(c.Command))
	}
	asks := a.Asks && !yes
	out, text := a.Err, c.String("output") != jsonOutput
	if text {
		out = a.Out
	}
	if asks || text {
		if err := show(out, q.show); err != nil {
			return err
		}
	}
	if !asks {
		return nil
	}
	return a.ask(c, q.text)
}

// ask returns nil if the answer is yes.
func (a *app) ask(c *cli.Context, text string) error {
	if err := write(a.Err, text+" [y/N] "); err != nil {
		return err
	}
	answer, err := a.answer(c)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &rollout.Error{Op: title(c.Command), Kind: rollout.Refused, Err: errors.New("not confirmed, nothing was changed")}
}

// answer reads a line. An interrupt ends the command, although nobody can end the read.
func (a *app) answer(c *cli.Context) (string, error) {
	read := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.In).ReadString('\n') // the end of the input is no yes
		read <- line
	}()
	select {
	case line := <-read:
		return line, nil
	case <-c.Context.Done():
		return "", &interrupted{text: "interrupted: nothing was changed"}
	}
}
