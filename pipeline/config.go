package pipeline

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// The values of apiVersion in a loaded object. v1beta1 is read as GoogleV1.
const (
	GoogleV1 = rollout.APIVersionGoogle
	SerinV1  = rollout.APIVersionSerin
)

const googleV1Beta1 = "deploy.cloud.google.com/v1beta1"

// The kinds of objects.
const (
	KindDeliveryPipeline = "DeliveryPipeline"
	KindTarget           = "Target"
	KindCustomTargetType = "CustomTargetType"
	KindAutomation       = "Automation"
	KindDeployPolicy     = "DeployPolicy"
	KindNotification     = "Notification"
)

// Kinds lists the kinds of objects in the order in which [Config] holds them.
func Kinds() []string {
	return []string{KindDeliveryPipeline, KindTarget, KindCustomTargetType, KindAutomation, KindDeployPolicy, KindNotification}
}

// Envelope is what every object has.
type Envelope struct {
	// APIVersion is deploy.cloud.google.com/v1 (v1beta1 is read as v1) or
	// serin.dev/v1, which is the same schema plus extensions.
	APIVersion string `yaml:"apiVersion" rule:"required,enum=deploy.cloud.google.com/v1|deploy.cloud.google.com/v1beta1|serin.dev/v1"`
	// Kind is the kind of the object.
	Kind string `yaml:"kind" rule:"required,enum=DeliveryPipeline|Target|CustomTargetType|Automation|DeployPolicy|Notification"`
	// Metadata names the object.
	Metadata Metadata `yaml:"metadata" rule:"required"`
	// Description is for people; at most 255 characters.
	Description string `yaml:"description,omitempty" rule:"length=255"`

	src *source
}

// Metadata names an object.
type Metadata struct {
	// Name is an id: lowercase letters, digits and hyphens, beginning with a
	// letter, at most 63 characters. An Automation's is PIPELINE/AUTOMATION.
	Name string `yaml:"name" rule:"required"`
	// Annotations are for tools: keys are a name of at most 63 characters,
	// after an optional DNS prefix and a slash.
	Annotations map[string]string `yaml:"annotations,omitempty"`
	// Labels are for selection: at most 64; keys and values have at most 128
	// bytes (63 in an Automation): lowercase letters, digits, _ and -.
	Labels map[string]string `yaml:"labels,omitempty"`
}

// Position is where the object begins. An Envelope that was not loaded has
// neither file nor line.
func (e *Envelope) Position() (file string, line int) {
	if e.src == nil {
		return "", 0
	}
	return e.src.file, e.src.at("")
}

func (e *Envelope) envelope() *Envelope { return e }

// at begins the judging of e as a whole.
func (e *Envelope) at(into *Problems) *judge {
	src := e.src
	if src == nil {
		src = &source{}
	}
	return &judge{src: src, into: into}
}

// object is one of the kinds.
type object interface {
	envelope() *Envelope
	// rules reports what the types cannot say.
	rules(at *judge)
}

var (
	_ object = (*DeliveryPipeline)(nil)
	_ object = (*Target)(nil)
	_ object = (*CustomTargetType)(nil)
	_ object = (*Automation)(nil)
	_ object = (*DeployPolicy)(nil)
	_ object = (*Notification)(nil)
)

func newObject(kind string) object {
	switch kind {
	case KindDeliveryPipeline:
		return &DeliveryPipeline{}
	case KindTarget:
		return &Target{}
	case KindCustomTargetType:
		return &CustomTargetType{}
	case KindAutomation:
		return &Automation{}
	case KindDeployPolicy:
		return &DeployPolicy{}
	case KindNotification:
		return &Notification{}
	}
	return nil
}

// Config is a set of objects, each kind in the order of the files.
type Config struct {
	Pipelines         []*DeliveryPipeline
	Targets           []*Target
	CustomTargetTypes []*CustomTargetType
	Automations       []*Automation
	Policies          []*DeployPolicy
	Notifications     []*Notification
}

func (c *Config) add(o object) {
	switch o := o.(type) {
	case *DeliveryPipeline:
		c.Pipelines = append(c.Pipelines, o)
	case *Target:
		c.Targets = append(c.Targets, o)
	case *CustomTargetType:
		c.CustomTargetTypes = append(c.CustomTargetTypes, o)
	case *Automation:
		c.Automations = append(c.Automations, o)
	case *DeployPolicy:
		c.Policies = append(c.Policies, o)
	case *Notification:
		c.Notifications = append(c.Notifications, o)
	}
}

func (c *Config) objects() []object {
	var all []object
	for _, o := range c.Pipelines {
		all = append(all, o)
	}
	for _, o := range c.Targets {
		all = append(all, o)
	}
	for _, o := range c.CustomTargetTypes {
		all = append(all, o)
	}
	for _, o := range c.Automations {
		all = append(all, o)
	}
	for _, o := range c.Policies {
		all = append(all, o)
	}
	for _, o := range c.Notifications {
		all = append(all, o)
	}
	return all
}

// Pipeline returns the pipeline with the given name, or nil.
func (c *Config) Pipeline(name string) *DeliveryPipeline {
	return find(c.Pipelines, name)
}

// Target returns the target with the given name, or nil.
func (c *Config) Target(name string) *Target {
	return find(c.Targets, name)
}

// CustomTargetType returns the custom target type with the given name, or nil.
func (c *Config) CustomTargetType(name string) *CustomTargetType {
	return find(c.CustomTargetTypes, name)
}

func find[T object](all []T, name string) T {
	for _, o := range all {
		if o.envelope().Metadata.Name == name {
			return o
		}
	}
	var none T
	return none
}

// Document is one object in canonical YAML: keys in the order of the
// reference, older spellings replaced by today's.
type Document struct {
	Kind, Name string
	// Content loads again as the same object; the same object always has the
	// same content.
	Content []byte
}

// Documents returns c object by object, in the order of [Kinds].
func (c *Config) Documents() ([]Document, error) {
	var out []Document
	for _, o := range c.objects() {
		e := o.envelope()
		content, err := canonical(o)
		if err != nil {
			return nil, fmt.Errorf("write %s %s as YAML: %w", e.Kind, e.Metadata.Name, err)
		}
		out = append(out, Document{Kind: e.Kind, Name: e.Metadata.Name, Content: content})
	}
	return out, nil
}

func canonical(o object) ([]byte, error) {
	var n yaml.Node
	if err := n.Encode(o); err != nil {
		return nil, err
	}
	plain(&n)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// plain quotes every text of several lines or with an unusual space: block
// styles do not bring each of them back unchanged.
func plain(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == strTag && strings.ContainsFunc(n.Value, unusual) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		plain(c)
	}
}

func unusual(r rune) bool { return r < ' ' || r > '~' }
