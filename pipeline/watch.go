package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// The labels of what is derived for a watch. They tell whose it is.
const (
	LabelWatch   = "serin-watch"   // the name of the watch
	LabelService = "serin-service" // of Cloud Run
	LabelOrigin  = "serin-origin"  // the pipeline that it is derived from
)

// maxName is how long the name of an object may be.
const maxName = 63

// Watched is one service of Cloud Run that a watch takes through the phases of a pipeline.
type Watched struct {
	Watch    string // its name
	Pipeline string // what is derived from
	Service  string
	Location string // "projects/P/locations/L"
	Endpoint string // "" is Google's
	// MinRequests is how many requests to the revision, within the interval of a check, one sample
	// needs. It is above 0.
	MinRequests int
}

// Name is that of the derived pipeline and of its target: PIPELINE-SERVICE-REGION. A longer one is
// cut, and ends with ten digits of its digest instead.
func (w Watched) Name() string {
	region := w.Location[strings.LastIndex(w.Location, "/")+1:]
	name := strings.Join([]string{w.Pipeline, w.Service, region}, "-")
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "-" + hex.EncodeToString(sum[:5])
	return strings.TrimRight(name[:maxName-len(end)], "-") + end
}

// Derive returns the pipeline that the releases of one watched service are of, with its target and
// its automations: those of w.Pipeline under another name, at the service's location, and with
// fewer than w.MinRequests requests being no data for each of its queries. The same c gives the
// same objects. Nothing else of c is in them.
//
// Errors: NotFound if there is no such pipeline; Invalid if it is none to derive from, with
// [Problems]; Refused if it, or what was derived before, is suspended; Conflict if the name is
// that of something else.
func (c *Config) Derive(w Watched) (*Config, error) {
	if _, err := c.Watchable(w.Pipeline); err != nil {
		return nil, err
	}
	if err := c.free(w); err != nil {
		return nil, err
	}
	for _, name := range []string{w.Pipeline, w.Name()} {
		if p := c.Pipeline(name); p != nil && p.Suspended {
			return nil, &rollout.Error{
				Op: "derive pipeline", On: w.Name() + " from " + w.Pipeline, Kind: rollout.Refused,
				Err: fmt.Errorf("pipeline %s is suspended", name), Fix: "serin pipeline resume --pipeline " + name,
			}
		}
	}
	return c.derive(w)
}

// free judges that the name of what is derived is no other's.
func (c *Config) free(w Watched) error {
	taken := func(kind string, m Metadata) error {
		if m.Labels[LabelWatch] == w.Watch && m.Labels[LabelService] == w.Service && m.Labels[LabelOrigin] == w.Pipeline {
			return nil
		}
		owner := "nobody's watch"
		if watch := m.Labels[LabelWatch]; watch != "" {
			owner = "watch " + watch + " of service " + m.Labels[LabelService]
		}
		return w.fail(rollout.Conflict, fmt.Errorf("there is a %s of that name already, which is %s", kind, owner))
	}
	if p := c.Pipeline(w.Name()); p != nil {
		if err := taken(KindDeliveryPipeline, p.Metadata); err != nil {
			return err
		}
	}
	t := c.Target(w.Name())
	if t == nil {
		return nil
	}
	if t.Run == nil || t.Run.Location != w.Location {
		return w.fail(rollout.Conflict, errors.New("there is a Target of that name already, which is elsewhere"))
	}
	return taken(KindTarget, t.Metadata)
}

func (c *Config) derive(w Watched) (*Config, error) {
	p := c.Pipeline(w.Pipeline)
	if w.MinRequests <= 0 {
		return nil, w.fail(rollout.Invalid, fmt.Errorf("at least %d requests: want a number above 0, or a revision without any would be taken for a good one", w.MinRequests))
	}
	out, err := (&Config{
		Pipelines: []*DeliveryPipeline{p}, Targets: c.Only(w.Pipeline).Targets, Automations: c.Only(w.Pipeline).Automations,
	}).copied()
	if err != nil {
		return nil, w.fail(rollout.Invalid, err)
	}
	p = out.Pipelines[0]
	stage := &p.SerialPipeline.Stages[0]
	if len(out.Targets) == 0 {
		out.Targets = []*Target{{Envelope: Envelope{APIVersion: SerinV1, Kind: KindTarget}}}
	}
	t := out.Targets[0]
	t.APIVersion, t.Run = SerinV1, &CloudRunLocation{Location: w.Location, Endpoint: w.Endpoint}
	for _, a := range out.Automations {
		w.automate(a, stage.TargetID)
		if before := find(c.Automations, a.Metadata.Name); before != nil && before.Suspended { // by somebody
			a.Suspended = true
		}
	}
	p.Suspended = false
	stage.TargetID = w.Name()
	p.Metadata = w.metadata(p.Metadata)
	t.Metadata = w.metadata(t.Metadata)
	stage.Strategy.eachJobs(p.at(&Problems{}), func(j Jobs, _ *judge) {
		if j.Analysis == nil || j.Analysis.Prometheus == nil {
			return
		}
		checks := j.Analysis.Prometheus.Checks
		for i := range checks {
			checks[i].guard(t, w.MinRequests)
		}
	})
	return out, nil
}

// copied is c by way of YAML: nothing of it is shared.
func (c *Config) copied() (*Config, error) {
	documents, err := c.Documents()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(documents))
	for i, d := range documents {
		files[i] = File{Name: d.Kind + "/" + d.Name, Content: d.Content}
	}
	return Load(files...)
}

func (w Watched) fail(kind rollout.Kind, err error) error {
	return &rollout.Error{Op: "derive pipeline", On: w.Name() + " from " + w.Pipeline, Kind: kind, Err: err}
}

// metadata is m under the derived name.
func (w Watched) metadata(m Metadata) Metadata {
	m.Name = w.Name()
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	m.Labels[LabelWatch], m.Labels[LabelService], m.Labels[LabelOrigin] = w.Watch, w.Service, w.Pipeline
	return m
}

// automate makes a one of the derived pipeline, and its selections of target ones of the derived
// target.
func (w Watched) automate(a *Automation, target string) {
	_, name, _ := strings.Cut(a.Metadata.Name, "/")
	a.Metadata.Name = w.Name() + "/" + name
	for i := range a.Selector.Targets {
		if a.Selector.Targets[i].ID == target {
			a.Selector.Targets[i].ID = w.Name()
		}
	}
}

// guard makes fewer than atLeast requests within the interval no data for the query of c: whoever
// counts samples then waits for more of them. A preset becomes the query that it stands for.
func (c *MetricCheck) guard(t *Target, atLeast int) {
	p, _ := findProvider(cloudRunProvider)
	words := []string{"$at", t.location()}
	for _, l := range p.labels {
		words = append(words, "$"+l[0], cmp.Or(c.Labels[l[0]], l[1]))
	}
	requests := strings.NewReplacer(words...).Replace(p.requests + "{" + p.selector + "}")
	if c.Compare != nil {
		c.Compare.Direction = c.compared().Direction
	}
	query := c.query(t, false)
	if strings.Contains(query, "#") { // a comment ends with its line
		query += "\n"
	}
	c.Query = fmt.Sprintf("(%s) and on() (sum(increase(%s[{{.Interval}}])) >= %d)", query, requests, atLeast)
	c.Preset, c.Provider, c.Labels = "", "", nil
}

// Watchable judges that a watch can take revisions of Cloud Run through the phases of a pipeline:
// one stage, whose target is a location of Cloud Run or does not exist, because the service says where it
// is; a canary each of whose phases asks a server of metrics, and which no lack of requests lets
// go on. Nothing of it may need a source. It returns what a person should know all the same.
//
// Errors: NotFound if there is no such pipeline; otherwise Invalid, or that of [Compile], with
// [Problems].
func (c *Config) Watchable(name string) (warnings []string, err error) {
	p := c.Pipeline(name)
	if p == nil {
		return nil, &rollout.Error{
			Op: "watch with pipeline", On: name, Kind: rollout.NotFound,
			Err: fmt.Errorf("it does not exist; known are %s", listed(c.pipelineNames())), Fix: "name one of these, or apply it first",
		}
	}
	var found Problems
	c.watchable(p, p.at(&found).key("serialPipeline").key("stages"))
	if len(found) > 0 {
		return nil, &rollout.Error{Op: "watch with pipeline", On: name, Kind: rollout.Invalid, Err: found.tidy().counted()}
	}
	w := Watched{Watch: "watch", Pipeline: name, Service: "service", Location: "projects/project/locations/region", MinRequests: 1}
	derived, err := c.derive(w)
	if err != nil {
		return nil, err
	}
	stages, err := Compile(derived, Request{Pipeline: w.Name(), Release: "release"})
	var e *rollout.Error
	if errors.As(err, &e) {
		return nil, &rollout.Error{Op: "watch with pipeline", On: name, Kind: e.Kind, Err: e.Err}
	}
	if p.Suspended {
		warnings = append(warnings, "the pipeline is suspended: no revision becomes a release until it is resumed")
	}
	return append(warnings, waits(stages)...), nil
}

// waits says which phases of the only stage wait for a person.
func waits(stages []Stage) []string {
	var out []string
	for _, s := range stages {
		if s.Plan.Approval != nil {
			out = append(out, "each release waits for an approval first")
		}
		for _, ph := range s.Plan.Phases[1:] {
			if !ph.Advance.Automatic {
				out = append(out, fmt.Sprintf("phase %s waits for a person, or an automation, to advance: advance {mode: automatic} of the canary lets it begin by itself", ph.ID))
			}
		}
	}
	return out
}
