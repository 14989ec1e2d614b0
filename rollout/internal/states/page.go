package main

import (
	"bytes"
	_ "embed" // the beginning of the page
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// introduction is the part of the page that is written by hand.
//
//go:embed introduction.md
var introduction string

func page() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	for _, m := range rollout.Transitions() {
		fmt.Fprintf(&b, "\n## %s%s\n\n%s\n", strings.ToUpper(m.Name[:1]), m.Name[1:], m.About)
		diagram(&b, m.Rows)
		table(&b, m.Rows)
	}
	controller(&b)
	commands(&b)
	return b.Bytes()
}

// edge is an arrow of a diagram: all rows between two states.
type edge struct {
	from, to string
	events   []string
}

func diagram(b *bytes.Buffer, rows []rollout.Transition) {
	var edges []edge
	for _, r := range rows {
		i := slices.IndexFunc(edges, func(e edge) bool { return e.from == r.From && e.to == r.To })
		if i < 0 {
			i, edges = len(edges), append(edges, edge{from: r.From, to: r.To})
		}
		if !slices.Contains(edges[i].events, string(r.Event)) {
			edges[i].events = append(edges[i].events, string(r.Event))
		}
	}
	b.WriteString("\n```mermaid\nstateDiagram-v2\n")
	for _, e := range edges {
		from := e.from
		if from == "" {
			from = "[*]"
		}
		fmt.Fprintf(b, "    %s --> %s: %s\n", from, e.to, strings.Join(e.events, ", "))
	}
	for _, s := range final(rows) {
		fmt.Fprintf(b, "    %s --> [*]\n", s)
	}
	b.WriteString("```\n")
}

// final returns the states that nothing leads out of, in the order of the rows.
func final(rows []rollout.Transition) []string {
	var out []string
	for _, r := range rows {
		left := slices.ContainsFunc(rows, func(o rollout.Transition) bool { return o.From == r.To && o.To != r.To })
		if !left && !slices.Contains(out, r.To) {
			out = append(out, r.To)
		}
	}
	return out
}

// table writes a line for each group of rows that differ only in where they come from.
func table(b *bytes.Buffer, rows []rollout.Transition) {
	b.WriteString("\n| from | event | to | when |\n|---|---|---|---|\n")
	for i := 0; i < len(rows); {
		r, from := rows[i], []string{}
		for ; i < len(rows) && rows[i].Event == r.Event && rows[i].To == r.To && rows[i].When == r.When; i++ {
			if from = append(from, code(rows[i].From)); rows[i].From == "" {
				from[len(from)-1] = "(new)"
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", strings.Join(from, ", "), code(string(r.Event)), code(r.To), r.When)
	}
}

func controller(b *bytes.Buffer) {
	b.WriteString("\n## State of a controller\n\n" +
		"What its children give a controller, after each of their events: the first row that matches. *Through* is a\n" +
		"child whose phase is SUCCEEDED or SKIPPED; *at work* is also one that restores its traffic or is repaired.\n\n" +
		"| children in the current phase | controller | and then |\n|---|---|---|\n")
	for _, r := range rollout.ControllerRows() {
		fmt.Fprintf(b, "| %s | %s | %s |\n", r.When, code(string(r.State)), r.Then)
	}
}

func commands(b *bytes.Buffer) {
	b.WriteString("\n## Commands\n\n" +
		"Who takes a command, in which states, and what must hold besides. Anything else is refused with the state in the\n" +
		"message. [commands.md](commands.md) says how each is given.\n\n" +
		"| command | single | controller | child | states | and | effect |\n|---|---|---|---|---|---|---|\n")
	for _, c := range rollout.Commands() {
		var states []string
		for _, s := range c.States {
			states = append(states, code(string(s)))
		}
		about := strings.Join(states, ", ")
		if c.Subject != "the rollout" {
			about = c.Subject + ": " + about
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", code(c.Command),
			yes(c, rollout.RoleSingle), yes(c, rollout.RoleController), yes(c, rollout.RoleChild), about, c.Condition, c.Effect)
	}
}

func yes(c rollout.CommandRule, r rollout.Role) string {
	if slices.Contains(c.Roles, r) {
		return "yes"
	}
	return "no"
}

func code(s string) string { return "`" + s + "`" }
