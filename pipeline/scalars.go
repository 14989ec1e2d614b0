package pipeline

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// scalar is a type that reads itself from one YAML scalar. fromScalar returns
// what is wrong, or "".
type scalar interface {
	fromScalar(n *yaml.Node) string
}

var (
	_ scalar = (*Duration)(nil)
	_ scalar = (*Minutes)(nil)
	_ scalar = (*Wait)(nil)
	_ scalar = (*Replicas)(nil)
)

// Duration is written in seconds, such as 60s or 1.5s.
type Duration time.Duration

// String is the form in YAML.
func (d Duration) String() string { return seconds(time.Duration(d)) }

// MarshalYAML writes seconds.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

func (d *Duration) fromScalar(n *yaml.Node) string {
	if !regexp.MustCompile(`^[0-9]{1,10}(\.[0-9]{1,9})?s$`).MatchString(n.Value) {
		return notDuration(n.Value, "seconds, such as 60s", seconds)
	}
	return parseDuration(n.Value, (*time.Duration)(d))
}

// Minutes is a duration written in whole minutes, such as 60m.
type Minutes time.Duration

// String is the form in YAML.
func (m Minutes) String() string {
	return strconv.FormatInt(int64(time.Duration(m)/time.Minute), 10) + "m"
}

// MarshalYAML writes minutes.
func (m Minutes) MarshalYAML() (any, error) { return m.String(), nil }

func (m *Minutes) fromScalar(n *yaml.Node) string {
	if !regexp.MustCompile(`^[0-9]{1,8}m$`).MatchString(n.Value) {
		return notDuration(n.Value, "whole minutes, such as 60m", wholeMinutes)
	}
	return parseDuration(n.Value, (*time.Duration)(m))
}

// wholeMinutes is d in minutes, or "" if a part of a minute remains.
func wholeMinutes(d time.Duration) string {
	if d%time.Minute != 0 {
		return ""
	}
	return Minutes(d).String()
}

// Wait is a duration written like 30s, 5m or 1h30m.
type Wait time.Duration

// String is the form in YAML.
func (w Wait) String() string {
	s := time.Duration(w).String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}

// MarshalYAML writes hours, minutes and seconds.
func (w Wait) MarshalYAML() (any, error) { return w.String(), nil }

func (w *Wait) fromScalar(n *yaml.Node) string {
	return parseDuration(n.Value, (*time.Duration)(w))
}

func parseDuration(s string, into *time.Duration) string {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Sprintf("is %q, want a duration, such as 30s, 5m or 1h30m", s)
	}
	*into = d
	return ""
}

// notDuration suggests show's form if s is a duration of another form and show
// can write it.
func notDuration(s, want string, show func(time.Duration) string) string {
	text := fmt.Sprintf("is %q, want a duration in %s", s, want)
	if d, err := time.ParseDuration(s); err == nil && d > 0 && show(d) != "" {
		text += fmt.Sprintf(": write %s", show(d))
	}
	return text
}

// seconds is the JSON form of a protobuf duration.
func seconds(d time.Duration) string {
	s := fmt.Sprintf("%d", d/time.Second)
	if rest := d % time.Second; rest != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
	}
	return s + "s"
}

// Replicas is a number of pods or a percentage of the original's.
type Replicas struct {
	// Count is the number, or the percentage if Percent.
	Count   int
	Percent bool
}

// String is the form in YAML.
func (r Replicas) String() string {
	if r.Percent {
		return strconv.Itoa(r.Count) + "%"
	}
	return strconv.Itoa(r.Count)
}

// MarshalYAML writes N or "N%".
func (r Replicas) MarshalYAML() (any, error) {
	if r.Percent {
		return r.String(), nil
	}
	return r.Count, nil
}

func (r *Replicas) fromScalar(n *yaml.Node) string {
	digits, percent := strings.CutSuffix(n.Value, "%")
	tag := intTag
	if percent {
		tag = strTag
	}
	count, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n.ShortTag() != tag || count < 1 || strings.HasPrefix(digits, "+") {
		return fmt.Sprintf("is %s, want a number of pods, such as 3, or a percentage of the original's, such as 25%%; at least 1", show(n))
	}
	if percent && count > 100 {
		return fmt.Sprintf("is %s, want at most 100%%", n.Value)
	}
	*r = Replicas{Count: int(count), Percent: percent}
	return ""
}
