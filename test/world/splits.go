package world

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// Splits returns every division of a service's traffic so far in the words of its
// releases, such as "v1 75%, v2 25%". A release is the last part of its image's name.
// Consecutive divisions that differ in tags alone are one.
func (w *World) Splits(ctx context.Context, service string) ([]string, error) {
	revisions, err := w.Revisions(ctx, service)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range w.Run.Splits(w.Service(service)) {
		var named rollout.Split // whose String has equal shares in the order of their names
		for revision, percent := range s.Shares {
			name := revision
			if r := revisions[revision]; r != nil {
				image := r.Containers[0].Image
				name = image[strings.LastIndex(image, "/")+1:]
			}
			named = append(named, rollout.Share{Revision: name, Percent: rollout.Weight(percent)})
		}
		if text := named.String(); len(out) == 0 || out[len(out)-1] != text {
			out = append(out, text)
		}
	}
	return out, nil
}

// Revisions returns the revisions of a service by short name.
func (w *World) Revisions(ctx context.Context, service string) (map[string]*run.GoogleCloudRunV2Revision, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Run.URL()+"/v2/"+w.Service(service)+"/revisions", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("list revisions of %s: %w", service, err)
	}
	defer res.Body.Close()
	var list run.GoogleCloudRunV2ListRevisionsResponse
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("list revisions of %s: %w", service, err)
	}
	out := map[string]*run.GoogleCloudRunV2Revision{}
	for _, r := range list.Revisions {
		out[r.Name[strings.LastIndex(r.Name, "/")+1:]] = r
	}
	return out, nil
}

// Breaches returns what in the history of a service's splits breaks the law of traffic:
//
//   - shares sum to 100,
//   - a revision that has a share is ready,
//   - the split changes only while a rollout has a step under way that gives exactly
//     this split: a settle, the deploy job of a phase, or a restore.
//
// rollouts are all that have run on the service. What others than a worker wrote is
// theirs, and only has to add up.
func (w *World) Breaches(ctx context.Context, service string, rollouts ...rollout.Status) ([]string, error) {
	revisions, err := w.Revisions(ctx, service)
	if err != nil {
		return nil, err
	}
	var given []gift
	for _, r := range rollouts {
		given = append(given, gifts(r)...)
	}
	var out []string
	var before rollout.Split
	for _, s := range w.Run.Splits(w.Service(service)) {
		now := split(s)
		if total(now) != 100 {
			out = append(out, fmt.Sprintf("%s does not sum to 100", now))
		}
		for _, share := range now {
			if r := revisions[share.Revision]; r == nil || !ready(r) {
				out = append(out, fmt.Sprintf("%s: %s is not ready", now, share.Revision))
			}
		}
		if s.By == cloudruntest.DefaultIdentity && !now.SameTraffic(before) && !anyGives(given, now, s.Time) {
			out = append(out, fmt.Sprintf("%s at %s: no step gave that", now, s.Time.UTC().Format(time.RFC3339Nano)))
		}
		before = now
	}
	return out, nil
}

// gift is a split that a step gave, and when.
type gift struct {
	split      rollout.Split
	begin, end time.Time // zero end: still under way
}

func anyGives(all []gift, s rollout.Split, at time.Time) bool {
	for _, g := range all {
		if !at.Before(g.begin) && (g.end.IsZero() || !at.After(g.end)) && s.SameTraffic(g.split) {
			return true
		}
	}
	return false
}

// gifts are what a rollout's steps gave, by its events.
func gifts(s rollout.Status) []gift {
	var out []gift
	var begin, stopped time.Time
	cancelling := false
	stable, own := "", s.Revision
	for _, e := range s.Events {
		give := func(split rollout.Split, from time.Time) {
			out = append(out, gift{split: split, begin: from, end: e.Time})
		}
		switch e.Kind {
		case rollout.EventBaseline:
			begin = e.Time
		case rollout.EventSettled:
			stable = e.Revision
			give(rollout.Split{{Revision: stable, Percent: 100}}, begin)
		case rollout.EventJobStarted:
			begin = e.Time
		case rollout.EventShifted, rollout.EventJobFailed, rollout.EventJobTerminated:
			own = cmp.Or(e.Revision, own) // each phase may have a revision of its own
			ph, _ := s.Phase(e.Phase)
			give(both(own, stable, ph.Weight), begin)
			stopped = e.Time
		case rollout.EventCancelling: // a second one stops nothing more
			if !cancelling {
				stopped, cancelling = e.Time, true
			}
		case rollout.EventRestored, rollout.EventRestoreFailed:
			give(rollout.Split{{Revision: stable, Percent: 100}}, stopped)
		default: // moves no traffic
		}
	}
	if s.State == rollout.StateInProgress {
		if ph := running(s); ph != nil {
			out = append(out, gift{split: both(own, stable, ph.Weight), begin: ph.Started})
		}
	}
	return out
}

func running(s rollout.Status) *rollout.PhaseStatus {
	for i := range s.Phases {
		if s.Phases[i].State == rollout.PhaseInProgress {
			return &s.Phases[i]
		}
	}
	return nil
}

// both gives the release its weight and stable the rest.
func both(revision, stable string, w rollout.Weight) rollout.Split {
	return rollout.Split{{Revision: revision, Percent: w}, {Revision: stable, Percent: 100 - w}}
}

func split(s cloudruntest.Split) rollout.Split {
	var out rollout.Split
	for revision, percent := range s.Shares {
		out = append(out, rollout.Share{Revision: revision, Percent: rollout.Weight(percent)})
	}
	return out.Serving()
}

func total(s rollout.Split) (sum rollout.Weight) {
	for _, share := range s {
		sum += share.Percent
	}
	return sum
}

func ready(r *run.GoogleCloudRunV2Revision) bool {
	for _, c := range r.Conditions {
		if c.Type == "Ready" {
			return c.State == "CONDITION_SUCCEEDED"
		}
	}
	return false
}
