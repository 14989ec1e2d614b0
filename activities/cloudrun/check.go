package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Limits of the platform for names.
const (
	minTag           = 3
	maxTagAndService = 46 // length of a tag and its service together
	maxService       = 49
)

// Check looks at the target's address, the manifest, the names of service and
// tags, who owns the service, whether the recorded stable revision still exists,
// and asks the platform whether it would accept the deployment (validateOnly),
// which also asks for the permissions.
func (p *Provider) Check(ctx context.Context, w activities.Work) ([]rollout.Problem, error) {
	s, err := p.openRelease(ctx, "check", w)
	if err != nil {
		return problem(w.Target.Name, err)
	}
	found := s.checkNames()
	if w.Custom || w.Stable != "" { // phases of a first rollout may be skipped
		if _, err = s.next(); err != nil {
			found = append(found, rollout.Problem{Path: s.on, Text: text(err)})
		}
	}
	svc, err := s.get(ctx)
	if err == nil {
		err = s.checkLive(ctx, svc)
	}
	if err == nil && len(found) == 0 {
		err = s.rehearse(ctx, svc)
	}
	more, err := problem(s.on, err)
	if err != nil {
		return nil, err
	}
	return append(found, more...), nil
}

// text is an error without the operation and the object.
func text(err error) string {
	var e *rollout.Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Fix != "":
		return e.Err.Error() + " (" + e.Fix + ")"
	default:
		return e.Err.Error()
	}
}

// problem turns an error that stays into a Problem, and returns every other.
func problem(on string, err error) ([]rollout.Problem, error) {
	if err == nil {
		return nil, nil
	}
	switch rollout.KindOf(err) {
	case rollout.Invalid, rollout.Denied, rollout.NotFound, rollout.Conflict, rollout.Failed:
		return []rollout.Problem{{Path: on, Text: text(err)}}, nil
	default:
		return nil, err
	}
}

// checkNames holds the names to the platform's rules. A tag and the service's name
// become one label of a host name, which bounds both together.
func (s *step) checkNames() []rollout.Problem {
	var found []rollout.Problem
	add := func(format string, args ...any) {
		found = append(found, rollout.Problem{Path: s.on, Text: fmt.Sprintf(format, args...)})
	}
	service, c := s.w.CloudRun.Service, s.w.CloudRun
	if len(service) > maxService || !regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`).MatchString(service) {
		add("service name %s: want at most %d lowercase letters, digits and hyphens, a letter first and no hyphen last", service, maxService)
	}
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	for _, tag := range allTags(c) {
		switch {
		case len(tag) < minTag || !label.MatchString(tag):
			add("tag %s: want at least %d lowercase letters, digits and inner hyphens", tag, minTag)
		case len(tag)+len(service) > maxTagAndService:
			add("tag %s: with service %s it has %d characters, the limit is %d together", tag, service, len(tag)+len(service), maxTagAndService)
		}
	}
	for _, tag := range c.CanaryTags {
		if slices.Contains(c.PriorTags, tag) {
			add("tag %s: is both a canary and a prior tag, but a tag belongs to one revision", tag)
		}
	}
	if slices.Contains(slices.Concat(c.CanaryTags, c.StableTags), c.Previous) {
		add("tag %s: is that of the previous revision, and one of the release's own too, but a tag belongs to one revision", c.Previous)
	}
	return found
}

// allTags are those of a rollout, each once.
func allTags(c *rollout.CloudRun) []string {
	tags := slices.Concat(c.CanaryTags, c.PriorTags, c.StableTags)
	if c.Previous != "" {
		tags = append(tags, c.Previous)
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// checkLive looks at what is deployed; svc is nil if nothing is.
func (s *step) checkLive(ctx context.Context, svc *run.GoogleCloudRunV2Service) error {
	if svc == nil {
		if s.w.Stable == "" {
			return nil
		}
		return s.fail(rollout.NotFound, fmt.Errorf("the service does not exist, but revision %s is recorded as its stable one", s.w.Stable))
	}
	if err := s.owned(svc); err != nil || s.w.Stable == "" || serving(svc).Of(s.w.Stable) > 0 {
		return err
	}
	rev, err := s.getRevision(ctx, s.w.Stable)
	if err == nil && rev == nil {
		err = s.errMissing(s.w.Stable)
	}
	return err
}

// rehearse asks whether the deployment would be accepted. It writes nothing.
func (s *step) rehearse(ctx context.Context, svc *run.GoogleCloudRunV2Service) error {
	if svc == nil && s.adopts() {
		return s.errNoService()
	}
	if svc == nil {
		return s.create(ctx, s.born(), true)
	}
	made, err := s.made(ctx, svc)
	if err != nil {
		return err
	}
	c, err := s.change(svc, made, true)
	if err != nil {
		return err
	}
	c.body.Annotations = s.stamped(merge(svc.Annotations, c.body.Annotations))
	if !slices.Contains(c.mask, "annotations") {
		c.mask = append(c.mask, "annotations")
	}
	c.validate = true
	_, err = s.patch(ctx, c, svc.Etag)
	return err
}
