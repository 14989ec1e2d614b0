package cloudruntest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// snapshot is the format of Snapshot.
type snapshot struct {
	Version    int                `json:"version"`
	Services   []*service         `json:"services"`
	Jobs       []*job             `json:"jobs,omitempty"`
	Operations []*operation       `json:"operations"`
	Counters   map[string]int     `json:"counters"`
	Splits     map[string][]Split `json:"splits"`
}

const snapshotVersion = 1

// Snapshot encodes services, revisions, jobs, executions with their logs, operations and split
// histories. Code of
// images, faults, the request log and metrics are not part of it.
func (s *Server) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := snapshot{Version: snapshotVersion, Counters: s.seq, Splits: s.splits}
	for _, svc := range s.services {
		snap.Services = append(snap.Services, svc)
	}
	slices.SortFunc(snap.Services, func(a, b *service) int { return strings.Compare(a.key(), b.key()) })
	for _, j := range s.jobs {
		snap.Jobs = append(snap.Jobs, j)
	}
	slices.SortFunc(snap.Jobs, func(a, b *job) int { return strings.Compare(a.key(), b.key()) })
	for _, name := range s.opOrder {
		snap.Operations = append(snap.Operations, s.ops[name])
	}
	b, err := json.Marshal(snap)
	if err != nil {
		return nil, fmt.Errorf("cloudruntest: snapshot: %w", err)
	}
	return b, nil
}

// Restore replaces everything that Snapshot encodes. Operations that were not done
// start their latency anew; held ones are held no longer; executions that had not ended have failed.
// Register code with Handle and HandleJob before. On an error nothing has changed.
func (s *Server) Restore(b []byte) error {
	var snap snapshot
	if err := json.Unmarshal(b, &snap); err != nil {
		return fmt.Errorf("cloudruntest: restore: %w", err)
	}
	if snap.Version != snapshotVersion {
		return fmt.Errorf("cloudruntest: restore: version %d is unknown, known is %d", snap.Version, snapshotVersion)
	}
	s.killAll()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services, s.ops, s.opOrder = map[string]*service{}, map[string]*operation{}, nil
	s.seq, s.splits = snap.Counters, snap.Splits
	if s.seq == nil {
		s.seq = map[string]int{}
	}
	if s.splits == nil {
		s.splits = map[string][]Split{}
	}
	for _, svc := range snap.Services {
		svc.counts = map[string]*Count{}
		s.services[svc.key()] = svc
		s.address(svc)
		if h := s.splits[svc.key()]; len(h) > 0 {
			svc.deck = s.newDeck(svc, h[len(h)-1].Shares)
		}
	}
	for _, o := range snap.Operations {
		s.ops[o.Op.Name] = o
		s.opOrder = append(s.opOrder, o.Op.Name)
	}
	s.restoreJobs(snap.Jobs)
	for _, o := range snap.Operations {
		o.Stuck = 0
		if !o.Op.Done {
			s.schedule(o)
		}
	}
	s.broadcast()
	return nil
}

// restoreJobs replaces all jobs. What a container was doing is lost.
func (s *Server) restoreJobs(jobs []*job) {
	s.jobs = map[string]*job{}
	for _, j := range jobs {
		s.jobs[j.key()] = j
		for _, e := range j.Executions {
			if n := len(e.Lines); n > 0 {
				e.written = e.Lines[n-1].Number
			}
			if !e.ended() {
				f := &failure{Reason: "INTERNAL", Message: "The region was restarted."}
				s.complete(j, e, ending{status: "EXECUTION_FAILED", reason: f.explain, rpc: &apiError{GRPC: 13, Status: "INTERNAL", Message: f.Message}})
			}
		}
	}
}

// address gives a service the URLs of this server, whose port may be another.
func (s *Server) address(svc *service) {
	if svc.Resource.Uri == "" {
		return
	}
	svc.Resource.Uri = "http://" + s.host(svc, "")
	svc.Resource.Urls = []string{svc.Resource.Uri}
	for _, st := range svc.Resource.TrafficStatuses {
		if st.Tag != "" {
			st.Uri = "http://" + s.host(svc, st.Tag)
		}
	}
}
