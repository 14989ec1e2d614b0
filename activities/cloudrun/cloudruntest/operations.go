package cloudruntest

import (
	"encoding/json"
	"slices"
	"time"

	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"
)

// defaultWait is how long wait blocks when the request names no timeout.
const defaultWait = 30 * time.Second

// operation is one stored long-running operation.
type operation struct {
	Service    string                          `json:"service"`    // full name, of a job where Job is set
	UID        string                          `json:"uid"`        // of the service, which may be deleted and made again
	Generation int64                           `json:"generation"` // that it is to bring about
	Revision   string                          `json:"revision"`   // short name of the revision it made the latest; empty for none
	Delete     bool                            `json:"delete"`
	Fail       *apiError                       `json:"fail"`  // how it ends, injected; nil for by itself
	Stuck      int                             `json:"stuck"` // the fault that keeps it from finishing until released or superseded; 0 for none
	Job        bool                            `json:"job,omitempty"`
	Execution  string                          `json:"execution,omitempty"` // full name; it ends with that execution
	Op         *run.GoogleLongrunningOperation `json:"op"`
}

// serviceType is the @type of the metadata and response of an operation.
const serviceType = "type.googleapis.com/google.cloud.run.v2.Service"

func typed(kind string, v any) googleapi.RawMessage {
	o := toObject(v)
	o["@type"] = kind
	return googleapi.RawMessage(mustJSON(o))
}

// preview is the operation of a validateOnly request: done and stored nowhere.
func (s *Server) preview(w write) *run.GoogleLongrunningOperation {
	w.next.Name = w.service
	body := typed(serviceType, w.next)
	name := location(w.service) + "/operations/" + uid(s.digest("preview", w.service, 0))
	return &run.GoogleLongrunningOperation{Name: name, Done: true, Metadata: body, Response: body}
}

// unchanged is the operation of a write that changes nothing.
func (s *Server) unchanged(svc *service) *run.GoogleLongrunningOperation {
	o := &operation{Service: svc.key(), Generation: svc.Resource.Generation}
	s.store(o, svc)
	if !svc.Resource.Reconciling {
		o.succeed(svc)
		return o.Op
	}
	for _, name := range s.opOrder { // joins the write that is being reconciled
		if other := s.ops[name]; other != o && other.Service == o.Service && other.Generation == o.Generation && !other.Op.Done {
			o.Revision, o.Stuck = other.Revision, other.Stuck
		}
	}
	return s.schedule(o)
}

// store gives o its name and keeps it.
func (s *Server) store(o *operation, svc *service) {
	o.Op = &run.GoogleLongrunningOperation{
		Name:     s.operationName(o.Service),
		Metadata: typed(serviceType, svc.Resource),
	}
	o.UID = svc.Resource.Uid
	s.ops[o.Op.Name] = o
	s.opOrder = append(s.opOrder, o.Op.Name)
}

// schedule lets o finish after the latency and returns it as it is now.
func (s *Server) schedule(o *operation) *run.GoogleLongrunningOperation {
	now := clone(o.Op)
	if s.opts.Latency <= 0 {
		s.finish(o)
		return now
	}
	s.clock.AfterFunc(s.opts.Latency, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finish(o)
	})
	return now
}

func (o *operation) succeed(svc *service) {
	o.Op.Done = true
	o.Op.Metadata = typed(serviceType, svc.Resource)
	o.Op.Response = typed(serviceType, svc.Resource)
}

func (o *operation) end(err *apiError) {
	o.Op.Done = true
	o.Op.Error = err.rpc()
}

func (s *Server) getOperation(c *call) (any, error) {
	o, err := s.operation(c.parent() + "/operations/" + c.PathValue("operation"))
	if err != nil {
		return nil, err
	}
	return o.Op, nil
}

func (s *Server) operation(name string) (*operation, error) {
	o := s.ops[name]
	if o == nil {
		return nil, notFound("Operation", name)
	}
	return o, nil
}

func (s *Server) listOperations(c *call) (any, error) {
	filter := c.query("filter")
	if filter != "" && filter != "done:true" && filter != "done:false" {
		return nil, invalid("filter", "filter '%s' is not supported, want done:true or done:false.", filter)
	}
	var all []*run.GoogleLongrunningOperation
	for _, name := range slices.Backward(s.opOrder) {
		o := s.ops[name]
		if location(o.Service) != c.parent() || filter == "done:true" && !o.Op.Done || filter == "done:false" && o.Op.Done {
			continue
		}
		all = append(all, o.Op)
	}
	page, next, err := paginate(c, all, 100)
	if err != nil {
		return nil, err
	}
	return &run.GoogleLongrunningListOperationsResponse{Operations: page, NextPageToken: next}, nil
}

func (s *Server) deleteOperation(c *call) (any, error) {
	o, err := s.operation(c.parent() + "/operations/" + c.PathValue("operation"))
	if err != nil {
		return nil, err
	}
	delete(s.ops, o.Op.Name)
	s.opOrder = slices.DeleteFunc(s.opOrder, func(n string) bool { return n == o.Op.Name })
	return struct{}{}, nil
}

// waitOperation blocks until the operation is done or the timeout of the request
// has passed on the server's clock, and returns the operation either way. It is
// called without s.mu.
func (s *Server) waitOperation(c *call, name string) (any, error) {
	timeout, err := waitTimeout(c.body)
	if err != nil {
		return nil, err
	}
	expired := make(chan struct{})
	var stop func()
	for {
		s.mu.Lock()
		o, err := s.operation(name)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		op, changed := clone(o.Op), s.changed
		s.mu.Unlock()
		if op.Done || timeout <= 0 {
			return op, nil
		}
		if stop == nil {
			stop = s.clock.AfterFunc(timeout, func() { close(expired) })
			defer stop()
		}
		select {
		case <-changed:
		case <-expired:
			timeout = 0
		case <-c.Context().Done():
			return op, nil
		}
	}
}

func waitTimeout(body []byte) (time.Duration, error) {
	var in struct {
		Timeout string `json:"timeout"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &in); err != nil {
			return 0, invalid("timeout", "Invalid JSON payload received. %s", err)
		}
	}
	if in.Timeout == "" {
		return defaultWait, nil
	}
	d, err := time.ParseDuration(in.Timeout)
	if err != nil || d < 0 || in.Timeout[len(in.Timeout)-1] != 's' {
		return 0, invalid("timeout", "Illegal duration format '%s'; duration must end with 's'.", in.Timeout)
	}
	return d, nil
}
