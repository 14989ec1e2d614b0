package render

import (
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// Complete renders a plan: one manifest for each phase, in order, made by the
// request of the same index. It fills in what only rendering knows: the digest of each
// phase's manifest, and the Cloud Run service, which all phases must share.
//
// Errors: Invalid, naming phase, file and line.
func Complete(s *Source, p *rollout.Plan, requests []Request) ([]Manifest, error) {
	manifests := make([]Manifest, len(p.Phases))
	for i := range p.Phases {
		ph := &p.Phases[i]
		m, err := s.Render(requests[i])
		if err != nil {
			return nil, fmt.Errorf("phase %s: %w", ph.ID, err)
		}
		if p.CloudRun != nil {
			if err := nameService(p, *ph, m); err != nil {
				return nil, err
			}
		}
		ph.Manifest = rollout.Digest(m.Content)
		manifests[i] = m
	}
	return manifests, nil
}

func nameService(p *rollout.Plan, ph rollout.Phase, m Manifest) error {
	service, problems := CheckCloudRun(m, ph.Custom)
	fail := func(err error) error {
		return &rollout.Error{Op: "render", On: "phase " + ph.ID, Kind: rollout.Invalid, Err: err}
	}
	if len(problems) > 0 {
		return fail(problems)
	}
	if p.CloudRun.Service != "" && p.CloudRun.Service != service {
		return fail(fmt.Errorf("it deploys service %s, the phase before %s: a rollout has one service", service, p.CloudRun.Service))
	}
	p.CloudRun.Service = service
	return nil
}
