package cloudrun

import (
	"context"
	"errors"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Services lists the services of a location that carry a label, by name. It writes nothing. The
// API cannot select by label, so all of them are read, 100 at a time.
//
// Errors: Invalid for a location or a label that is none; Denied; NotFound; Transient.
func (p *Provider) Services(ctx context.Context, r activities.DiscoverRequest) ([]rollout.FoundService, error) {
	s := &step{op: "list services", on: r.Location}
	key, value, ok := strings.Cut(r.Label, "=")
	if !ok || key == "" {
		return nil, s.fail(rollout.Invalid, errors.New("label "+r.Label+" is not key=value"))
	}
	if err := checkLocation(r.Location); err != nil {
		return nil, s.fail(rollout.Invalid, err)
	}
	c, err := p.client(ctx, r.Endpoint)
	if err != nil {
		return nil, err
	}
	s.api = c.Projects.Locations
	var carry []*run.GoogleCloudRunV2Service
	err = s.api.Services.List(r.Location).PageSize(100).Pages(ctx, func(page *run.GoogleCloudRunV2ListServicesResponse) error {
		for _, svc := range page.Services {
			if have, ok := svc.Labels[key]; ok && have == value && svc.DeleteTime == "" {
				carry = append(carry, svc)
			}
		}
		return nil
	})
	if err != nil {
		return nil, typed(s.op, s.on, err)
	}
	var out []rollout.FoundService
	for _, svc := range carry {
		found, err := s.found(ctx, svc)
		if err != nil {
			return nil, err
		}
		found.Location = r.Location
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b rollout.FoundService) int { return strings.Compare(a.Service, b.Service) })
	return out, nil
}

// found is what is to be known of svc.
func (s *step) found(ctx context.Context, svc *run.GoogleCloudRunV2Service) (rollout.FoundService, error) {
	out := rollout.FoundService{
		Service: short(svc.Name), Split: serving(svc).Serving(), Ready: latest(svc), Owner: svc.Annotations[annotationPipeline],
	}
	if made := short(svc.LatestCreatedRevision); made != out.Ready {
		out.Made = made
	}
	revision, _ := out.Candidate()
	if revision == "" {
		return out, nil
	}
	of := *s
	of.on = svc.Name
	rev, err := of.getRevision(ctx, revision)
	if err != nil || rev == nil {
		return out, err
	}
	for _, c := range rev.Containers {
		out.Images = append(out.Images, rollout.FoundImage{Name: c.Name, Image: c.Image})
	}
	return out, nil
}
