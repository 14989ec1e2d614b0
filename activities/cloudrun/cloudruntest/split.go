package cloudruntest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	run "google.golang.org/api/run/v2"
)

// Split is how a service's requests were divided from Time on.
type Split struct {
	Time       time.Time         `json:"time"`
	Generation int64             `json:"generation"`
	By         string            `json:"by"`     // lastModifier of the generation
	Shares     map[string]int64  `json:"shares"` // short revision name to percent, above 0 only; empty when nothing serves
	Tags       map[string]string `json:"tags"`   // tag to short revision name
}

// setStatuses computes trafficStatuses from traffic, with LATEST standing for the
// revision ready.
func (s *Server) setStatuses(svc *service, ready string) {
	svc.Resource.TrafficStatuses = nil
	for _, t := range svc.Resource.Traffic {
		st := &run.GoogleCloudRunV2TrafficTargetStatus{Type: t.Type, Revision: t.Revision, Percent: t.Percent, Tag: t.Tag}
		if t.Type == typeLatest && !s.opts.BareLatest {
			st.Revision = ready
		}
		if t.Tag != "" {
			st.Uri = "http://" + s.host(svc, t.Tag)
		}
		svc.Resource.TrafficStatuses = append(svc.Resource.TrafficStatuses, st)
	}
	s.setScaling(svc)
	s.recordSplit(svc)
}

// setScaling gives each revision that requests can reach, by a share or a tag, its minimum of
// instances, and the others none.
func (s *Server) setScaling(svc *service) {
	reached := map[string]bool{}
	for _, st := range svc.Resource.TrafficStatuses {
		reached[serving(svc, st)] = true
	}
	for _, r := range svc.Revisions {
		want := int64(0)
		if t := r.Template.Scaling; t != nil && reached[r.short()] {
			want = t.MinInstanceCount
		}
		r.Resource.ScalingStatus = &run.GoogleCloudRunV2RevisionScalingStatus{DesiredMinInstanceCount: want}
	}
}

// serving returns the short name of the revision behind a status.
func serving(svc *service, st *run.GoogleCloudRunV2TrafficTargetStatus) string {
	if st.Revision == "" {
		return last(svc.Resource.LatestReadyRevision)
	}
	return st.Revision
}

// recordSplit adds the current split to the history if it is not the last one.
func (s *Server) recordSplit(svc *service) {
	res := svc.Resource
	now := Split{
		Time: s.clock.Now(), Generation: res.Generation, By: res.LastModifier,
		Shares: map[string]int64{}, Tags: map[string]string{},
	}
	for _, st := range res.TrafficStatuses {
		name := serving(svc, st)
		if st.Percent > 0 {
			now.Shares[name] += st.Percent
		}
		if st.Tag != "" {
			now.Tags[st.Tag] = name
		}
	}
	history := s.splits[svc.key()]
	if n := len(history); n > 0 {
		if maps.Equal(history[n-1].Shares, now.Shares) && maps.Equal(history[n-1].Tags, now.Tags) {
			return
		}
	}
	history = append(history, now)
	s.splits[svc.key()] = history[max(0, len(history)-s.opts.LogSize):]
	if !maps.Equal(svc.deck.shares, now.Shares) {
		svc.deck = s.newDeck(svc, now.Shares)
	}
}

// deck deals requests to revisions: one card per percent, shuffled anew after
// every hundred. So every hundred requests have exactly the shares, and clients
// that send requests in a rhythm still meet every revision.
type deck struct {
	shares map[string]int64
	rng    *rand.Rand
	cards  []string
}

func (s *Server) newDeck(svc *service, shares map[string]int64) deck {
	a, b := seedOf(s.digest("deck", svc.key(), s.next("deck", svc.key())))
	return deck{shares: shares, rng: rand.New(rand.NewPCG(a, b))}
}

// deal returns the revision of the next request; empty when nothing serves.
func (d *deck) deal() string {
	if len(d.cards) == 0 {
		for _, name := range slices.Sorted(maps.Keys(d.shares)) {
			d.cards = append(d.cards, slices.Repeat([]string{name}, int(d.shares[name]))...)
		}
		if len(d.cards) == 0 {
			return ""
		}
		d.rng.Shuffle(len(d.cards), func(i, j int) { d.cards[i], d.cards[j] = d.cards[j], d.cards[i] })
	}
	top := d.cards[0]
	d.cards = d.cards[1:]
	return top
}
