package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// SetWeight writes Next and the stamps, in one request, where they differ. Tags
// of others stay with their revisions. A service that serves nothing, with weight
// 0, is only stamped.
//
// A share for a revision that is not ready is refused before it is written: the
// platform would take it and move the requests later, when nobody looks.
//
// Errors: NotFound for a service or a revision that does not exist; Transient
// while the release's revision is not ready yet; Failed once it never will be;
// Conflict if the service is another pipeline's; Invalid as Next.
func (p *Provider) SetWeight(ctx context.Context, w activities.Work) error {
	s, err := p.openRelease(ctx, "set weight", w)
	if err != nil {
		return err
	}
	split, err := s.next()
	if err != nil {
		return err
	}
	svc, err := s.own(ctx)
	if err != nil {
		return err
	}
	if svc == nil && len(split) == 0 {
		return nil
	}
	return s.shift(ctx, svc, split)
}

// Restore gives w.Stable all requests, takes the tags of the canary phases away
// and puts the baseline's tags back. Before promotion these are all that a
// rollout has changed. Without a stable revision there is nothing to go back to,
// and Restore changes nothing.
//
// Traffic comes first: if the baseline cannot be read, the error follows after
// traffic is back.
//
// Errors: NotFound if the service or w.Stable does not exist; Conflict if the
// service is another pipeline's; those of Artifacts.
func (p *Provider) Restore(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "restore", w)
	if err != nil || w.Stable == "" {
		return err
	}
	svc, err := s.own(ctx)
	if err != nil {
		return err
	}
	split := rollout.Split{{Revision: w.Stable, Percent: 100}}
	tags, unread := p.baselineTags(ctx, s)
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		split = give(split, tags[tag], 0, tag)
	}
	if err = s.shift(ctx, svc, split); err != nil {
		return err
	}
	return unread
}

// shift writes split to a service that must exist, to revisions that can take it.
func (s *step) shift(ctx context.Context, svc *run.GoogleCloudRunV2Service, split rollout.Split) error {
	if svc == nil {
		return s.errNoService()
	}
	split, err := s.reachable(ctx, svc, split)
	if err != nil {
		return err
	}
	return s.route(ctx, svc, split)
}

// baselineTags returns the revision of each tag that the baseline records.
func (p *Provider) baselineTags(ctx context.Context, s *step) (map[string]string, error) {
	if s.w.Baseline == "" {
		return nil, nil
	}
	content, err := p.artifacts.Get(ctx, s.w.Baseline)
	if err != nil {
		return nil, fmt.Errorf("cloudRun: %s %s: baseline: %w", s.op, s.on, err)
	}
	svc := new(run.GoogleCloudRunV2Service)
	if err := json.Unmarshal(content, svc); err != nil {
		return nil, s.fail(rollout.Corrupt, fmt.Errorf("baseline %s is not a recorded service", s.w.Baseline))
	}
	_, tags := meaning(svc.Traffic)
	for tag, revision := range tags {
		if revision == "" { // it followed LATEST
			tags[tag] = latest(svc)
		}
	}
	return tags, nil
}

// reachable checks that every revision of split can take its share. A revision
// that would only have a tag, and does not exist, is left out.
func (s *step) reachable(ctx context.Context, svc *run.GoogleCloudRunV2Service, split rollout.Split) (rollout.Split, error) {
	var out rollout.Split
	now := serving(svc)
	for _, share := range split {
		if share.Revision != s.revision && now.Of(share.Revision) > 0 {
			out = append(out, share)
			continue
		}
		rev, err := s.getRevision(ctx, share.Revision)
		switch {
		case err != nil:
			return nil, err
		case rev == nil && (share.Percent > 0 || s.w.Custom):
			return nil, s.errMissing(share.Revision)
		case rev == nil:
			continue
		case share.Percent > 0 && share.Revision == s.revision && !ready(rev):
			return nil, s.errNotReady(rev)
		}
		out = append(out, share)
	}
	return out, nil
}

func (s *step) errNotReady(rev *run.GoogleCloudRunV2Revision) error {
	kind, text := rollout.Transient, "is not ready yet"
	if why := gaveUp(rev); why != "" {
		kind, text = rollout.Failed, "is not ready: "+why
	}
	return s.fail(kind, fmt.Errorf("revision %s %s", short(rev.Name), text))
}

func (s *step) errNoService() error {
	return &rollout.Error{
		Op: "cloudRun: " + s.op, On: s.on, Kind: rollout.NotFound, Err: errors.New("the service does not exist"),
		Fix: "deploy to it first",
	}
}

// route writes split and the stamps where they differ from what is there. An
// empty split leaves the traffic alone.
func (s *step) route(ctx context.Context, svc *run.GoogleCloudRunV2Service, split rollout.Split) error {
	c := change{body: &run.GoogleCloudRunV2Service{}}
	stamps := s.stamped(svc.Annotations)
	if len(split) > 0 {
		list := targets(split, svc, s.canaryTags())
		// A split that was accepted but is not served is worth asking for again.
		refused := settled(svc) && !serving(svc).SameTraffic(split)
		if refused && sameTargets(svc, list) { // the platform does not act on a write that changes nothing
			stamps[annotationAgain] = strconv.FormatInt(svc.Generation, 10)
		}
		if refused || !sameTargets(svc, list) {
			c.body.Traffic = list
			c.mask = append(c.mask, "traffic")
		}
	}
	if !maps.Equal(stamps, svc.Annotations) {
		c.body.Annotations = stamps
		c.mask = append(c.mask, "annotations")
	}
	if len(c.mask) == 0 {
		return nil
	}
	_, err := s.patch(ctx, c, svc.Etag)
	return err
}

// stamped returns annotations with this rollout's stamps; those of others stay.
func (s *step) stamped(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	if out == nil {
		out = map[string]string{}
	}
	out[annotationPipeline], out[annotationRollout] = s.w.Pipeline, s.w.Rollout
	return out
}

// owned refuses a service that another pipeline has stamped.
func (s *step) owned(svc *run.GoogleCloudRunV2Service) error {
	owner := svc.Annotations[annotationPipeline]
	if owner == "" || owner == s.w.Pipeline {
		return nil
	}
	return &rollout.Error{
		Op: "cloudRun: " + s.op, On: s.on, Kind: rollout.Conflict,
		Err: fmt.Errorf("the service belongs to pipeline %s, not %s", owner, s.w.Pipeline),
		Fix: "if " + owner + " no longer deploys it, remove the annotation " + annotationPipeline,
	}
}
