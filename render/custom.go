package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// byContainers completes the phase at index i, whose manifest containers render.
func (s *Source) byContainers(p *rollout.Plan, i int, r Request) (Manifest, error) {
	var ps Problems
	var m Manifest
	m.Unmatched, m.images = setImages(nil, r.Images, &ps) // only tasks have images that are known
	if err := ps.failure("render"); err != nil {
		return Manifest{}, err
	}
	own := r
	own.Jobs = []Job{*r.By}
	made, err := s.Jobs(own)
	if err != nil {
		return Manifest{}, err
	}
	m.By = &made.Specs[0]
	for _, w := range m.By.Warnings {
		p.Warnings = append(p.Warnings, fmt.Sprintf("render of phase %s: %s", p.Phases[i].ID, w))
	}
	m.count(made)
	return m, completeJobs(s, p, i, r, &m)
}

// exchange says which source the containers of a custom target get.
func (s *Spec) exchange(packed string) {
	if s.Exchange != nil {
		own := *s.Exchange
		own.Source = packed
		s.Exchange = &own
	}
}

// Rendered completes the phase at index i of p, which is m from Complete, by what its
// containers have rendered: its manifest, and what its deploy job begins from, whose
// document in m is then another one.
func (m *Manifest) Rendered(p *rollout.Plan, i int, by rollout.Rendering) error {
	ph := &p.Phases[i]
	k := slices.IndexFunc(ph.Jobs, func(j rollout.Job) bool { return j.ID == rollout.JobDeploy })
	if k < 0 || m.By == nil || m.Specs[k].Exchange == nil {
		return phaseError(*ph, errors.New("no container deploys what containers have rendered"))
	}
	m.Specs = slices.Clone(m.Specs)
	deploy, exchange := &m.Specs[k], *m.Specs[k].Exchange
	exchange.Input = by.Folder
	deploy.Exchange = &exchange
	content, err := json.Marshal(deploy.JobSpec)
	if err != nil {
		return err
	}
	deploy.Content, ph.Jobs[k].Spec = content, rollout.Digest(content)
	ph.Manifest, ph.Rendered = by.Manifest, by.Folder
	return nil
}
