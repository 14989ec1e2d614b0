package cloudrun

import (
	"maps"
	"slices"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/rollout"
)

const (
	typeLatest   = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	typeRevision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"

	stateFailed    = "CONDITION_FAILED"
	stateSucceeded = "CONDITION_SUCCEEDED"
)

// give adds an entry to the share of its revision, so that each revision is in the
// split once. A platform may list one revision several times, one tag each.
func give(split rollout.Split, revision string, percent int64, tag string) rollout.Split {
	i := slices.IndexFunc(split, func(s rollout.Share) bool { return s.Revision == revision })
	if i < 0 {
		i = len(split)
		split = append(split, rollout.Share{Revision: revision})
	}
	split[i].Percent += rollout.Weight(percent)
	if tag != "" && !slices.Contains(split[i].Tags, tag) {
		split[i].Tags = append(split[i].Tags, tag)
	}
	return split
}

// latest returns the revision that LATEST stands for; "" while there is none.
func latest(svc *run.GoogleCloudRunV2Service) string { return short(svc.LatestReadyRevision) }

// serving returns what the data plane has accepted, LATEST resolved.
func serving(svc *run.GoogleCloudRunV2Service) rollout.Split {
	var out rollout.Split
	for _, t := range svc.TrafficStatuses {
		name := t.Revision
		if name == "" {
			name = latest(svc)
		}
		if name != "" {
			out = give(out, name, t.Percent, t.Tag)
		}
	}
	return out
}

// asked returns what the service's traffic asks for, LATEST resolved.
func asked(svc *run.GoogleCloudRunV2Service) rollout.Split {
	var out rollout.Split
	for _, t := range svc.Traffic {
		name := t.Revision
		if t.Type == typeLatest || name == "" {
			name = latest(svc)
		}
		if name != "" {
			out = give(out, name, t.Percent, t.Tag)
		}
	}
	return out
}

// followsLatest reports whether some traffic would move by itself to the next
// revision. An empty list means that all of it does.
func followsLatest(svc *run.GoogleCloudRunV2Service) bool {
	return len(svc.Traffic) == 0 ||
		slices.ContainsFunc(svc.Traffic, func(t *run.GoogleCloudRunV2TrafficTarget) bool { return t.Type != typeRevision })
}

// settled reports whether the platform is not busy: it has done what was asked,
// or given up. Having given up it keeps the generation that serves.
func settled(svc *run.GoogleCloudRunV2Service) bool {
	c := svc.TerminalCondition
	return !svc.Reconciling && (svc.ObservedGeneration == svc.Generation || c != nil && c.State == stateFailed)
}

// current is the split that a write must keep: what serves, or what is being
// applied right now if that names its revisions.
func current(svc *run.GoogleCloudRunV2Service) rollout.Split {
	if !settled(svc) && !followsLatest(svc) {
		return asked(svc).Serving()
	}
	return serving(svc).Serving()
}

// targets writes split as the API's list: one tag per entry, so further tags are
// entries of 0 percent. Tags of svc that split does not use and that are not in
// drop stay with their revisions.
func targets(split rollout.Split, svc *run.GoogleCloudRunV2Service, drop []string) []*run.GoogleCloudRunV2TrafficTarget {
	var all rollout.Split
	used := slices.Clone(drop)
	for _, share := range split {
		all = give(all, share.Revision, int64(share.Percent), "")
		for _, tag := range share.Tags {
			all = give(all, share.Revision, 0, tag)
		}
		used = append(used, share.Tags...)
	}
	if svc != nil {
		for _, share := range asked(svc) {
			for _, tag := range share.Tags {
				if !slices.Contains(used, tag) {
					all = give(all, share.Revision, 0, tag)
				}
			}
		}
	}
	var out []*run.GoogleCloudRunV2TrafficTarget
	for _, share := range all {
		entry := func(percent rollout.Weight, tag string) {
			out = append(out, &run.GoogleCloudRunV2TrafficTarget{
				Type: typeRevision, Revision: share.Revision, Percent: int64(percent), Tag: tag,
			})
		}
		switch {
		case len(share.Tags) > 0:
			entry(share.Percent, share.Tags[0])
			for _, tag := range share.Tags[1:] {
				entry(0, tag)
			}
		case share.Percent > 0:
			entry(share.Percent, "")
		}
	}
	return out
}

// sameTargets reports whether two lists mean the same: shares by revision and
// revisions by tag, in any order, and nothing that follows LATEST.
func sameTargets(svc *run.GoogleCloudRunV2Service, want []*run.GoogleCloudRunV2TrafficTarget) bool {
	if followsLatest(svc) {
		return false
	}
	shares, tags := meaning(svc.Traffic)
	wantShares, wantTags := meaning(want)
	return maps.Equal(shares, wantShares) && maps.Equal(tags, wantTags)
}

func meaning(list []*run.GoogleCloudRunV2TrafficTarget) (shares map[string]int64, tags map[string]string) {
	shares, tags = map[string]int64{}, map[string]string{}
	for _, t := range list {
		if t.Percent > 0 {
			shares[t.Revision] += t.Percent
		}
		if t.Tag != "" {
			tags[t.Tag] = t.Revision
		}
	}
	return shares, tags
}

// without removes tags from a list and keeps every share. An entry that was only
// there for its tag goes.
func without(list []*run.GoogleCloudRunV2TrafficTarget, drop []string) (kept []*run.GoogleCloudRunV2TrafficTarget, changed bool) {
	for _, t := range list {
		if t.Tag == "" || !slices.Contains(drop, t.Tag) {
			kept = append(kept, t)
			continue
		}
		changed = true
		if t.Percent > 0 {
			bare := *t
			bare.Tag = ""
			kept = append(kept, &bare)
		}
	}
	return kept, changed
}
