package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// Job is what a job of a phase does, as far as its pipeline says. What it leaves to the
// phase's skaffold.yaml, Jobs adds. It is zero for one that is not configured, and for a
// deploy job but that of a custom target, whose Exchange gets its Source.
type Job struct {
	rollout.JobSpec

	Verify  bool     // runs the containers of verify, all at once
	Actions []string // runs these customActions, in order
}

// Spec is the complete JobSpec of a job and the document that it is stored as: the same
// bytes for the same job, nil where there is nothing to do.
type Spec struct {
	rollout.JobSpec

	Content []byte
	// Warnings say what will not be as Skaffold does it, a line each.
	Warnings []string
}

// Jobs are the jobs of one phase.
type Jobs struct {
	// Specs has one entry for each of Request.Jobs, in their order.
	Specs []Spec

	used, there []string // names of Request.Images that a task has, and the images of tasks as written
}

// Jobs completes r.Jobs: the containers of skaffold.yaml become tasks, with profiles and
// deploy parameters, and images that Request.Images names are replaced in every task. An
// action that is the only one of its job runs its containers at once, as Skaffold does;
// several run one container after the other.
//
// Errors: Invalid with Problems, which hold Cloud Deploy's own VERIFICATION_CONFIG_NOT_FOUND
// or CUSTOM_ACTION_NOT_FOUND where skaffold.yaml lacks what a job asks for.
func (s *Source) Jobs(r Request) (Jobs, error) {
	var ps Problems
	var out Jobs
	var from stanzas
	if slices.ContainsFunc(r.Jobs, func(j Job) bool { return j.Verify || len(j.Actions) > 0 }) {
		from = s.stanzas(r, &ps)
	}
	for _, j := range r.Jobs {
		spec, err := out.complete(from, j, r)
		if err != nil {
			return Jobs{}, err
		}
		out.Specs = append(out.Specs, spec)
	}
	return out, ps.failure("render")
}

func (o *Jobs) complete(from stanzas, j Job, r Request) (Spec, error) {
	images, spec := r.Images, Spec{JobSpec: j.JobSpec}
	spec.exchange(r.Packed)
	spec.Tasks = slices.Clone(j.Tasks)
	if j.Verify {
		spec.Tasks, spec.Parallel = append(spec.Tasks, from.verify()...), true
	}
	if len(j.Actions) > 0 {
		spec.act(from.actions(j.Actions))
	}
	for i := range spec.Tasks {
		from.unlike(spec.Tasks[i].ID, spec.HTTP)
		spec.Tasks[i].Image = o.image(spec.Tasks[i].Image, images)
	}
	if spec.Analysis != nil && len(spec.Analysis.Custom) > 0 {
		watch := *spec.Analysis
		watch.Custom = slices.Clone(watch.Custom)
		for i := range watch.Custom {
			watch.Custom[i].Task.Image = o.image(watch.Custom[i].Task.Image, images)
		}
		spec.Analysis = &watch
	}
	if len(spec.Tasks) == 0 && len(spec.HTTP) == 0 && spec.Analysis == nil {
		return Spec{}, nil
	}
	var err error
	spec.Content, err = json.Marshal(spec.JobSpec)
	return spec, err
}

// act adds the containers of actions.
func (s *Spec) act(actions []action) {
	for _, a := range actions {
		s.Tasks = append(s.Tasks, a.tasks...)
		switch n := len(a.tasks); {
		case n > 1 && len(actions) == 1:
			s.Parallel = true
		case n > 1:
			s.Warnings = append(s.Warnings, fmt.Sprintf(
				"the %d containers of action %s run one after the other, because its job has more actions", n, a.name))
		}
	}
}

// image is what image is replaced by.
func (o *Jobs) image(image string, images map[string]string) string {
	o.there = append(o.there, image)
	for _, name := range []string{image, imageName(image)} {
		if ref, ok := images[name]; ok {
			o.used = append(o.used, name)
			return ref
		}
	}
	return image
}

// count adds the images of jobs to those of the phase's manifest.
func (m *Manifest) count(jobs Jobs) {
	m.Unmatched = slices.DeleteFunc(slices.Clone(m.Unmatched), func(name string) bool { return slices.Contains(jobs.used, name) })
	there := map[string]bool{}
	for _, image := range slices.Concat(m.images, jobs.there) {
		there[image] = true
	}
	m.images = slices.Sorted(maps.Keys(there))
}
