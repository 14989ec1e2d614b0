package render

import (
	"errors"
	"fmt"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Complete renders a plan: one manifest for each phase, in order, made by the
// request of the same index. It fills in what only rendering knows: the digest of each
// phase's manifest and of its jobs' documents, the Cloud Run service or the namespace in a
// cluster, which all phases must share, and warnings.
//
// Where a rollout has a canary Deployment beside the original, the manifest of a canary
// phase holds only what belongs to the canary, made from what was rendered; stable's is
// what was rendered. Everywhere else all of them are, for a custom target whatever
// objects they have. Phases that containers render have no manifest yet, and "" as its
// digest: see Manifest.Rendered.
//
// Errors: Invalid, naming phase, file and line.
func Complete(s *Source, p *rollout.Plan, requests []Request) ([]Manifest, error) {
	manifests := make([]Manifest, len(p.Phases))
	var last *workload
	for i := range p.Phases {
		ph := &p.Phases[i]
		if requests[i].By != nil {
			m, err := s.byContainers(p, i, requests[i])
			if err != nil {
				return nil, fmt.Errorf("phase %s: %w", ph.ID, err)
			}
			manifests[i] = m
			continue
		}
		m, err := s.Render(requests[i])
		if err != nil {
			return nil, fmt.Errorf("phase %s: %w", ph.ID, err)
		}
		switch {
		case p.CloudRun != nil:
			err = nameService(p, *ph, m)
		case p.Kubernetes != nil:
			last = newWorkload(p, m)
			m, err = last.phase(p, *ph, step{m, requests[i], i == 0})
		}
		if err != nil {
			return nil, phaseError(*ph, err)
		}
		ph.Manifest = rollout.Digest(m.Content)
		if err := completeJobs(s, p, i, requests[i], &m); err != nil {
			return nil, fmt.Errorf("phase %s: %w", ph.ID, err)
		}
		manifests[i] = m
	}
	if last != nil && p.Kubernetes.Canary() {
		p.Warnings = append(p.Warnings, last.warnings(p)...)
	}
	return manifests, nil
}

// completeJobs completes the jobs of the phase at index i, whose manifest is m.
func completeJobs(s *Source, p *rollout.Plan, i int, r Request, m *Manifest) error {
	made, err := s.Jobs(r)
	if err != nil {
		return err
	}
	m.Specs = made.Specs
	m.count(made)
	for k, spec := range made.Specs {
		job := &p.Phases[i].Jobs[k]
		if len(spec.Content) > 0 {
			job.Spec = rollout.Digest(spec.Content)
		}
		if all := spec.Longest(); spec.Exchange != nil && all > time.Hour { // a deploy that is ended halfway is worse than a long one
			job.Timeout = all
		}
		for _, w := range spec.Warnings {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s of phase %s: %s", job.ID, p.Phases[i].ID, w))
		}
	}
	return nil
}

func phaseError(ph rollout.Phase, err error) error {
	var ps Problems
	if errors.As(err, &ps) {
		err = ps.ordered()
	}
	return &rollout.Error{Op: "render", On: "phase " + ph.ID, Kind: rollout.Invalid, Err: err}
}

func nameService(p *rollout.Plan, ph rollout.Phase, m Manifest) error {
	service, problems := CheckCloudRun(m, ph.Custom)
	if len(problems) > 0 {
		return problems
	}
	if p.CloudRun.Service != "" && p.CloudRun.Service != service {
		return fmt.Errorf("it deploys service %s, the phase before %s: a rollout has one service", service, p.CloudRun.Service)
	}
	p.CloudRun.Service = service
	return nil
}

// step is one phase on its way.
type step struct {
	manifest Manifest
	request  Request
	first    bool
}

// phase makes the manifest of one phase for a cluster.
func (w *workload) phase(p *rollout.Plan, ph rollout.Phase, s step) (Manifest, error) {
	if !p.Kubernetes.Canary() {
		if len(w.problems) > 0 {
			return Manifest{}, w.problems
		}
		return s.manifest, nil
	}
	w.choose()
	if len(w.problems) > 0 {
		return Manifest{}, w.problems
	}
	if !s.first && p.Kubernetes.Namespace != w.namespace {
		return Manifest{}, fmt.Errorf("it has Deployment/%s in %s, the phase before in %s: a rollout has one namespace",
			w.k.Deployment, inNamespace(w.namespace), inNamespace(p.Kubernetes.Namespace))
	}
	p.Kubernetes.Namespace = w.namespace
	if ph.Promotion() {
		return w.stable(s.manifest, s.request)
	}
	return w.canary(s.manifest, s.request)
}
