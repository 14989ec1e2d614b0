package analysis

import (
	"fmt"
	"strings"
	"time"
)

// mostSaid is how many checks a heartbeat names.
const mostSaid = 3

// say is how far the analysis is, such as "errors 0.2 <= 1, 12 of 20 samples; 4m of 10m".
func (w *watch) say() string {
	var parts []string
	for _, c := range w.checks {
		if c.spec == nil {
			continue
		}
		if len(parts) == mostSaid {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, c.say(w.spec.Duration))
	}
	text := brief(w.Watched) + " of " + brief(w.spec.Duration)
	if len(parts) > 0 {
		text = strings.Join(parts, ", ") + "; " + text
	}
	if c := w.out(); c != nil {
		text = cut(c.ID+": no answer for "+brief(c.Silent)+": "+c.why, mostReason) + "; " + text
	}
	return text
}

func (c *check) say(duration time.Duration) string {
	value := "no value"
	if c.Last != nil {
		value = short(*c.Last)
		if c.spec.Min != nil {
			value += " >= " + short(*c.spec.Min)
		}
		if c.spec.Max != nil {
			value += " <= " + short(*c.spec.Max)
		}
	}
	planned := max(int((duration-c.first)/c.every)+1, c.Runs)
	text := fmt.Sprintf("%s %s, %d of %d samples", c.ID, value, c.Samples, planned)
	if c.Failed > 0 {
		text += fmt.Sprintf(" (%d failed)", c.Failed)
	}
	return text
}

// brief is d in whole seconds, or exactly where it is shorter than ten: "4m", "4m30s", "1.2s".
func brief(d time.Duration) string {
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	} else {
		d = d.Round(100 * time.Millisecond)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
