package pipeline

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

var (
	_ scalar = (*Verify)(nil)
	_ scalar = (*Number)(nil)
	_ scalar = (*Compare)(nil)
)

// Verify is true, false or an object with tasks.
type Verify struct {
	// Skaffold runs skaffold verify.
	Skaffold bool `yaml:"-"`
	// Tasks run one after another; the first failure fails the job.
	Tasks []Task `yaml:"tasks,omitempty" rule:"items=1.."`
	// HTTP are requests that a worker makes after the tasks, one after another;
	// the first that is not answered as expected fails the job.
	HTTP []HTTPCheck `yaml:"http,omitempty" rule:"extension,items=1..50"`

	single bool // it was read from true or false
}

// MarshalYAML writes the form it was read from.
func (v Verify) MarshalYAML() (any, error) {
	if len(v.Tasks)+len(v.HTTP) == 0 {
		return v.Skaffold, nil
	}
	return VerifyConfig{Tasks: v.Tasks, HTTP: v.HTTP}, nil
}

func (v *Verify) fromScalar(n *yaml.Node) string {
	if n.ShortTag() != boolTag {
		return fmt.Sprintf("is %s, want true, false or an object with tasks", show(n))
	}
	v.Skaffold, v.single = isTrue(n), true
	return ""
}

// Number is any finite number.
type Number float64

// MarshalYAML writes the shortest form.
func (n Number) MarshalYAML() (any, error) { return float64(n), nil }

func (n *Number) fromScalar(node *yaml.Node) string {
	f, err := strconv.ParseFloat(node.Value, 64)
	if tag := node.ShortTag(); err != nil || math.IsNaN(f) || math.IsInf(f, 0) || (tag != intTag && tag != floatTag) {
		return fmt.Sprintf("is %s, want a number, such as 0.5", show(node))
	}
	*n = Number(f + 0) // no negative zero
	return ""
}

// MarshalYAML writes the form it was read from.
func (c Compare) MarshalYAML() (any, error) {
	if c == (Compare{To: c.To}) {
		return c.To, nil
	}
	type object Compare
	return object(c), nil
}

func (c *Compare) fromScalar(n *yaml.Node) string {
	if n.ShortTag() != strTag || n.Value != compareStable {
		return fmt.Sprintf("is %s, want %s or an object with to: %[2]s", show(n), compareStable)
	}
	c.To = compareStable
	return ""
}
