package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Next returns the split that SetWeight writes for w: the release, then the stable
// revision, then what a custom canary's manifest names. Of the platform it asks
// only what the release's revision is called, which a failed one decides.
//
// Errors: Invalid for a weight that nothing can make up to 100, and for a traffic
// stanza that does not sum to 100 or is where none is read; those of Artifacts.
func (p *Provider) Next(ctx context.Context, w activities.Work) (rollout.Split, error) {
	s, err := p.openRelease(ctx, "plan the split of", w)
	if err != nil {
		return nil, err
	}
	return s.next()
}

func (s *step) next() (rollout.Split, error) {
	w := s.w
	if w.Custom && len(s.want.traffic) > 0 {
		return s.stanza()
	}
	if w.Custom && !w.Promotion {
		return nil, s.fail(rollout.Invalid, fmt.Errorf("manifest: spec.traffic: required in phase %s, because a custom canary's manifest is its split", w.Phase))
	}
	if w.Weight > 0 { // at 0 the release's manifest decides nothing
		if err := s.plain(); err != nil {
			return nil, err
		}
	}
	return s.weighted()
}

// plain refuses a traffic stanza where none is read, unless it says only what a
// rollout ends with anyway, as exported manifests do: everything to this release.
func (s *step) plain() error {
	list := s.want.traffic
	if s.w.Custom || len(list) == 0 || len(list) == 1 && list[0] == (trafficEntry{LatestRevision: true, Percent: 100}) {
		return nil
	}
	return s.fail(rollout.Invalid, errors.New("manifest: spec.traffic: remove it: the phases decide the split (only a custom canary's manifest has its own)"))
}

// weighted gives the release its weight and the stable revision the rest.
func (s *step) weighted() (rollout.Split, error) {
	w := s.w
	switch {
	case !w.Weight.Valid():
		return nil, s.fail(rollout.Invalid, fmt.Errorf("weight %d is not from 0 to 100", w.Weight))
	case w.Stable == "" && w.Weight == 0:
		return nil, nil
	case w.Stable == "" && w.Weight < 100:
		return nil, s.fail(rollout.Invalid, fmt.Errorf("nothing serves that could take the other %d%%, so the release gets 100%% or nothing", 100-w.Weight))
	}
	own, prior := w.CloudRun.CanaryTags, w.CloudRun.PriorTags
	if w.Promotion && w.Weight == 100 {
		own, prior = w.CloudRun.StableTags, nil
	}
	var out rollout.Split
	if w.Weight > 0 || len(own) > 0 {
		out = giveTagged(out, s.revision, w.Weight, own)
	}
	if w.Weight < 100 {
		out = giveTagged(out, w.Stable, 100-w.Weight, prior)
	}
	return s.kept(out), nil
}

// kept is split with the tag of the previous revision on the one that was stable, once the release
// has all requests. So it stays reachable, and keeps its minimum of instances.
func (s *step) kept(split rollout.Split) rollout.Split {
	w := s.w
	tag := w.CloudRun.Previous
	if tag == "" || !w.Promotion || w.Weight < 100 || w.Stable == "" || w.Stable == s.revision {
		return split
	}
	return giveTagged(split, w.Stable, 0, []string{tag})
}

func giveTagged(split rollout.Split, revision string, percent rollout.Weight, tags []string) rollout.Split {
	split = give(split, revision, int64(percent), "")
	for _, tag := range tags {
		split = give(split, revision, 0, tag)
	}
	return split
}

// stanza is the manifest's own split. Latest means this release's revision, by name.
func (s *step) stanza() (rollout.Split, error) {
	var out rollout.Split
	var bad problems
	sum := int64(0)
	for i, t := range s.want.traffic {
		at := fmt.Sprintf("spec.traffic[%d]", i)
		if (t.RevisionName != "") == t.LatestRevision {
			bad.add(at, "want either revisionName or latestRevision: true")
		}
		if t.Percent < 0 || t.Percent > 100 {
			bad.add(at+".percent", "%d is not from 0 to 100", t.Percent)
		}
		name := t.RevisionName
		if t.LatestRevision {
			name = s.revision
		}
		sum += t.Percent
		out = give(out, name, t.Percent, t.Tag)
	}
	if sum != 100 {
		bad.add("spec.traffic", "percents sum to %d, want 100", sum)
	}
	if err := bad.err(); err != nil {
		return nil, s.fail(rollout.Invalid, fmt.Errorf("manifest: %w", err))
	}
	return out, nil
}

// canaryTags are the tags that no revision keeps after the canary phases. The tag of the
// previous one, which may be a prior tag too, is moved by a promotion alone.
func (s *step) canaryTags() []string {
	c := s.w.CloudRun
	all := slices.Concat(c.CanaryTags, c.PriorTags)
	return slices.DeleteFunc(all, func(tag string) bool { return tag == c.Previous })
}

// errMissing says that a revision is not there.
func (s *step) errMissing(revision string) error {
	if revision == s.revision && s.adopts() {
		return s.errGone()
	}
	fix := "it was deleted: deploy its release again"
	if revision == s.revision {
		fix = "deploy it first"
	}
	return &rollout.Error{
		Op: "cloudRun: " + s.op, On: s.on, Kind: rollout.NotFound, Fix: fix,
		Err: errors.New("revision " + revision + " does not exist"),
	}
}
