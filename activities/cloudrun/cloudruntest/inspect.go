package cloudruntest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	run "google.golang.org/api/run/v2"
)

// Request is one API request in the log.
type Request struct {
	Time     time.Time `json:"time"` // when it came
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Mask     string    `json:"mask,omitempty"` // its updateMask
	Query    string    `json:"query,omitempty"`
	Identity string    `json:"identity"`
	Status   int       `json:"status"` // 0 when the connection was broken instead of answering
}

func (s *Server) entry(c *call) Request {
	return Request{
		Time: s.clock.Now(), Method: c.Method, Path: c.URL.Path, Mask: c.query("updateMask"),
		Query: c.URL.RawQuery, Identity: c.identity,
	}
}

func (s *Server) record(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r)
	s.log = s.log[max(0, len(s.log)-s.opts.LogSize):]
	s.broadcast()
}

// Log returns the API requests that were answered, oldest first. A request is in
// the log before its client has the answer.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Splits returns every division of a service's traffic so far, oldest first.
// Tests assert with it that no revision had a share that nobody gave it.
func (s *Server) Splits(service string) []Split {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.splits[service])
}

// Shares returns the current split: short revision names to percent, above 0 only.
func (s *Server) Shares(service string) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shares(service)
}

func (s *Server) shares(service string) map[string]int64 {
	svc := s.services[service]
	if svc == nil {
		return map[string]int64{}
	}
	if svc.deck.shares == nil {
		return map[string]int64{}
	}
	return maps.Clone(svc.deck.shares)
}

// WaitRequest blocks until a request in the log, past ones included, satisfies
// match, and returns it, or the error of ctx.
func (s *Server) WaitRequest(ctx context.Context, match func(Request) bool) (Request, error) {
	var found Request
	err := s.await(ctx, func() bool {
		i := slices.IndexFunc(s.log, match)
		if i >= 0 {
			found = s.log[i]
		}
		return i >= 0
	})
	if err != nil {
		return Request{}, fmt.Errorf("cloudruntest: wait for a request: %w", err)
	}
	return found, nil
}

// WaitSplit blocks until the current split of a service satisfies match, or
// returns the error of ctx. A service that does not exist has an empty split.
func (s *Server) WaitSplit(ctx context.Context, service string, match func(shares map[string]int64) bool) error {
	if err := s.await(ctx, func() bool { return match(s.shares(service)) }); err != nil {
		return fmt.Errorf("cloudruntest: wait for a split of %s: %w", service, err)
	}
	return nil
}

// Service returns a copy of a service as a get would, without faults and without
// an entry in the log.
func (s *Server) Service(name string) (*run.GoogleCloudRunV2Service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	return clone(svc.Resource), nil
}

// ExternalPatch changes a service as somebody else would, by way of the same
// validation but past faults and the log: change edits a copy, output-only fields
// are ignored; it must not call the Server. It settles after Options.Latency. The error is the one the API
// would answer.
func (s *Server) ExternalPatch(name string, change func(*run.GoogleCloudRunV2Service), who string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc, err := s.lookup(name)
	if err != nil {
		return err
	}
	next := clone(svc.Resource)
	change(next)
	user, err := toService(userPart(toObject(next)))
	if err != nil {
		return err
	}
	_, err = s.update(svc, write{service: name, next: user, identity: who})
	return err
}

// WaitExecution blocks until an execution of a job satisfies match, and returns a copy of it, or
// returns the error of ctx. A job that does not exist has none.
func (s *Server) WaitExecution(ctx context.Context, job string, match func(*run.GoogleCloudRunV2Execution) bool) (*run.GoogleCloudRunV2Execution, error) {
	var found *run.GoogleCloudRunV2Execution
	err := s.await(ctx, func() bool {
		if j := s.jobs[job]; j != nil {
			for _, e := range j.Executions {
				if match(e.Resource) {
					found = clone(e.Resource)
				}
			}
		}
		return found != nil
	})
	if err != nil {
		return nil, fmt.Errorf("cloudruntest: wait for an execution of %s: %w", job, err)
	}
	return found, nil
}

// Jobs returns the full names of all jobs, sorted.
func (s *Server) Jobs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.jobs))
}
