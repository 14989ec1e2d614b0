package cloudrun

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Deploy makes the release's revision exist, with no share of the requests. What
// serves now is pinned to named revisions in the same request; if it followed
// LATEST it is pinned before, in a request of its own that is waited for.
//
// Where no service exists, or one that serves nothing, the revision gets
// everything: there is no other that could. A revision that exists is left alone,
// also one that failed: it is immutable, and Observe says why it failed. A retry
// makes another.
//
// Errors: Invalid for a manifest that cannot be carried over or is refused;
// NotFound if w.Stable should serve but there is no service; Conflict if the
// service is another pipeline's, or the revision's name is taken by other content.
func (p *Provider) Deploy(ctx context.Context, w activities.Work) error {
	s, err := p.openRelease(ctx, "deploy", w)
	if err != nil {
		return err
	}
	return s.deploy(ctx, false)
}

// Promote is Deploy, and applies what the manifest sets on the service itself:
// ingress, scaling, labels, annotations. What others set there stays.
func (p *Provider) Promote(ctx context.Context, w activities.Work) error {
	s, err := p.openRelease(ctx, "promote", w)
	if err != nil {
		return err
	}
	return s.deploy(ctx, true)
}

// Remove takes away the tags of the canary phases, where they are not also those
// of stable. Revisions stay: the platform collects what nobody reaches, and going
// back to one needs no deployment.
func (p *Provider) Remove(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "remove", w)
	if err != nil {
		return err
	}
	svc, err := s.own(ctx)
	if err != nil || svc == nil {
		return err
	}
	drop := slices.DeleteFunc(s.canaryTags(), func(tag string) bool { return slices.Contains(w.CloudRun.StableTags, tag) })
	kept, changed := without(svc.Traffic, drop)
	if !changed {
		return nil
	}
	_, err = s.patch(ctx, change{body: &run.GoogleCloudRunV2Service{Traffic: kept}, mask: []string{"traffic"}}, svc.Etag)
	return err
}

func (s *step) deploy(ctx context.Context, promote bool) error {
	if err := s.plain(); err != nil {
		return err
	}
	svc, err := s.own(ctx)
	switch {
	case err != nil:
		return err
	case svc == nil && s.w.Stable == "" && !s.adopts():
		return s.create(ctx, s.born(), false)
	case svc == nil:
		return s.errNoService()
	}
	made, err := s.made(ctx, svc)
	if err != nil {
		return err
	}
	if !made {
		if svc, err = s.pin(ctx, svc); err != nil {
			return err
		}
	}
	c, err := s.change(svc, made, promote)
	if err != nil || len(c.mask) == 0 {
		return err
	}
	_, err = s.patch(ctx, c, svc.Etag)
	return err
}

// born is the service as it is created.
func (s *step) born() *run.GoogleCloudRunV2Service {
	body := *s.want.service
	body.Annotations = s.stamped(body.Annotations)
	body.Traffic = targets(rollout.Split{{Revision: s.revision, Percent: 100}}, nil, nil)
	return &body
}

// made reports whether the release's revision is there. While the platform is
// still making it, and after it could not, only the service's template knows of it.
func (s *step) made(ctx context.Context, svc *run.GoogleCloudRunV2Service) (bool, error) {
	if s.adopts() {
		return s.adopted(ctx)
	}
	rev, err := s.getRevision(ctx, s.revision)
	if err != nil || rev != nil {
		return err == nil, err
	}
	named := svc.Template != nil && svc.Template.Revision == s.revision
	return named && (!settled(svc) || terminallyFailed(svc)), nil
}

// pin gives what LATEST receives to the revision it stands for, waits until that
// is so, and returns the service as it is then. Where nothing serves or nothing
// follows LATEST it returns svc.
func (s *step) pin(ctx context.Context, svc *run.GoogleCloudRunV2Service) (*run.GoogleCloudRunV2Service, error) {
	now := serving(svc).Serving()
	if !followsLatest(svc) || len(now) == 0 {
		return svc, nil
	}
	c := change{body: &run.GoogleCloudRunV2Service{Traffic: targets(now, svc, nil)}, mask: []string{"traffic"}}
	o, err := s.patch(ctx, c, svc.Etag)
	if err != nil {
		return nil, err
	}
	// The operation of a pin can fail for what was wrong before, such as a latest
	// revision that is not ready: what was read back counts.
	failed := s.await(ctx, o)
	if rollout.KindOf(failed) == rollout.Transient {
		return nil, failed
	}
	svc, err = s.own(ctx)
	switch {
	case err != nil:
		return nil, err
	case svc == nil:
		return nil, s.errNoService()
	case followsLatest(svc):
		return nil, cmp.Or(failed, s.fail(rollout.Transient, errors.New("traffic still follows LATEST")))
	}
	return svc, nil
}

// change is what Deploy and Promote write to a service that exists.
func (s *step) change(svc *run.GoogleCloudRunV2Service, made, promote bool) (change, error) {
	c := change{body: &run.GoogleCloudRunV2Service{}}
	if promote {
		if err := s.scalars(&c, svc); err != nil {
			return change{}, err
		}
	}
	if made {
		return c, nil
	}
	split := current(svc)
	if len(split) == 0 {
		split = rollout.Split{{Revision: s.revision, Percent: 100}}
	}
	if !s.w.Promotion && !s.w.Custom && len(s.w.CloudRun.CanaryTags) > 0 {
		split = giveTagged(split, s.revision, 0, s.w.CloudRun.CanaryTags)
	}
	c.body.Template = s.want.service.Template
	c.mask = append(c.mask, "template")
	// What nothing is added to stays as it is: a split from a read that is older than
	// our last write must not be written back.
	if list := targets(split, svc, nil); !sameTargets(svc, list) {
		c.body.Traffic = list
		c.mask = append(c.mask, "traffic")
	}
	return c, nil
}

// scalars adds to c what the manifest sets on the service and is not so yet, each
// by its own path: a mask never covers what the manifest does not mention.
func (s *step) scalars(c *change, svc *run.GoogleCloudRunV2Service) error {
	want, err := object(s.want.service)
	if err != nil {
		return err
	}
	have, err := object(svc)
	if err != nil {
		return err
	}
	body := *s.want.service
	body.Template, body.Labels, body.Annotations = nil, nil, nil
	c.body = &body
	for _, k := range []string{"template", "labels", "annotations"} {
		delete(want, k)
	}
	c.mask = append(c.mask, differing("", want, have)...)
	if merged := merge(svc.Labels, s.want.service.Labels); !maps.Equal(merged, svc.Labels) {
		body.Labels = merged
		c.mask = append(c.mask, "labels")
	}
	if merged := merge(svc.Annotations, s.want.service.Annotations); !maps.Equal(merged, svc.Annotations) {
		body.Annotations = merged
		c.mask = append(c.mask, "annotations")
	}
	return nil
}

// differing returns the paths of want whose values have does not have. A value
// that is not there is the zero value.
func differing(prefix string, want, have map[string]any) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		inner, nested := want[k].(map[string]any)
		if nested {
			other, _ := have[k].(map[string]any) // a missing message has only zero fields
			out = append(out, differing(prefix+k+".", inner, other)...)
			continue
		}
		if have[k] == nil && reflect.ValueOf(want[k]).IsZero() {
			continue
		}
		if !reflect.DeepEqual(want[k], have[k]) {
			out = append(out, prefix+k)
		}
	}
	return out
}

func merge(have, add map[string]string) map[string]string {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, add)
	return out
}

// Leave does nothing: nothing but the split and its tags is touched.
func (p *Provider) Leave(context.Context, activities.Work) error { return nil }

// ScaleStable does nothing: Cloud Run gives each revision the instances it needs.
func (p *Provider) ScaleStable(context.Context, activities.Work) error { return nil }
