package rollout

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Share is what one revision receives.
type Share struct {
	Revision string   `json:"revision"`
	Percent  Weight   `json:"percent"`
	Tags     []string `json:"tags,omitempty"`
}

// Split is who receives the requests. Percents sum to 100; an empty split is a
// service that serves nothing.
type Split []Share

// Of returns the percent that revision receives, 0 if it is not in the split.
func (s Split) Of(revision string) Weight {
	var w Weight
	for _, sh := range s {
		if sh.Revision == revision {
			w += sh.Percent
		}
	}
	return w
}

// Serving returns the revisions above 0 percent, highest first, each once.
func (s Split) Serving() Split {
	var out Split
	for _, sh := range s {
		if sh.Percent == 0 || slices.ContainsFunc(out, func(o Share) bool { return o.Revision == sh.Revision }) {
			continue
		}
		out = append(out, Share{Revision: sh.Revision, Percent: s.Of(sh.Revision)})
	}
	slices.SortStableFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Percent, a.Percent), cmp.Compare(a.Revision, b.Revision))
	})
	return out
}

// SameTraffic reports whether both give each revision the same percent. Tags and
// entries of 0 percent receive no share and are not compared.
func (s Split) SameTraffic(o Split) bool {
	return slices.EqualFunc(s.Serving(), o.Serving(), func(a, b Share) bool {
		return a.Revision == b.Revision && a.Percent == b.Percent
	})
}

// String reads "shop-2 75%, shop-1 25%", or "nothing".
func (s Split) String() string {
	serving := s.Serving()
	if len(serving) == 0 {
		return "nothing"
	}
	parts := make([]string, len(serving))
	for i, sh := range serving {
		parts[i] = fmt.Sprintf("%s %d%%", sh.Revision, sh.Percent)
	}
	return strings.Join(parts, ", ")
}

// Observed is what a platform says of a target right now. Of an object that does not
// exist it says that it is settled, and no more.
type Observed struct {
	Exists      bool   `json:"exists"`
	Split       Split  `json:"split,omitempty"`       // what the data plane has accepted
	Revision    string `json:"revision,omitempty"`    // the name of the release's own revision, also before it exists
	Ready       bool   `json:"ready,omitempty"`       // Revision exists and can take requests
	Missing     bool   `json:"missing,omitempty"`     // Revision does not exist; told where it may vanish while somebody waits for it
	StableReady bool   `json:"stableReady,omitempty"` // the stable revision that was asked about can take requests
	Settled     bool   `json:"settled,omitempty"`     // the platform is not busy applying a change
	Failure     string `json:"failure,omitempty"`     // the platform's reason why it gave up on Revision, "" while it has not
	Progress    string `json:"progress,omitempty"`    // the platform's reason why it is not done, for people
	Generation  int64  `json:"generation,omitempty"`  // grows with each change by anybody
	By          string `json:"by,omitempty"`          // who changed it last, as the platform names them
	URL         string `json:"url,omitempty"`         // where the service answers
	Assumed     bool   `json:"assumed,omitempty"`     // Split is what was written: the platform tells nobody what it does
	Note        string `json:"note,omitempty"`        // what Split does not say, such as the share that pods make up
	Replicas    *int   `json:"replicas,omitempty"`    // pods that an original beside a canary asks for when undivided; nil where there is no such number
}

// Mark is what a rollout left behind with its last write; a later observation is
// compared with it. The zero value compares with nothing.
type Mark struct {
	Split      Split  `json:"split,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	By         string `json:"by,omitempty"`
}

// WithoutAttempt returns the name that a revision had at its first attempt, "shop-693ae81c85"
// for "shop-693ae81c85-2".
func WithoutAttempt(revision string) string {
	return regexp.MustCompile(`^(.+-[0-9a-f]{10})-[0-9]+$`).ReplaceAllString(revision, "$1")
}

// Mark returns what o looks like to a later comparison.
func (o Observed) Mark() Mark {
	return Mark{Split: o.Split.Serving(), Generation: o.Generation, By: o.By}
}

// Drifted says what somebody else changed since last, or "" if nobody did. The
// split is drift when it differs both from last and from all of ours, the ones
// being written or tried: a write whose answer was lost is not drift. Where the
// split agrees, a newer generation by another identity is.
func Drifted(seen Observed, last Mark, ours ...Split) string {
	if last.Generation == 0 && len(last.Split) == 0 {
		return ""
	}
	who := cmp.Or(seen.By, "somebody")
	if !seen.Split.SameTraffic(last.Split) && !slices.ContainsFunc(ours, seen.Split.SameTraffic) {
		return fmt.Sprintf("%s changed the split to %s; it was %s", who, seen.Split, last.Split)
	}
	if seen.Generation != last.Generation && last.By != "" && seen.By != last.By {
		return fmt.Sprintf("%s changed the service (generation %d, was %d)", who, seen.Generation, last.Generation)
	}
	return ""
}
