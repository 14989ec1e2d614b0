package cloudruntest

import (
	"slices"

	run "google.golang.org/api/run/v2"
)

// beginJob records a write as the job's next generation and returns its operation.
func (s *Server) beginJob(c *call, j *job) *run.GoogleLongrunningOperation {
	res := j.Resource
	res.Generation++
	res.UpdateTime, res.LastModifier = s.stamp(), c.identity
	res.Reconciling = true
	res.TerminalCondition = s.condition(typeReady, stateReconciling)
	j.touch(s)
	return s.jobOperation(c, &operation{Service: j.key(), UID: res.Uid, Generation: res.Generation, Delete: res.DeleteTime != ""}, typed(jobType, res))
}

// jobOperation stores o and, unless it ends with an execution, lets it finish after the latency.
func (s *Server) jobOperation(c *call, o *operation, metadata []byte) *run.GoogleLongrunningOperation {
	o.Job, o.Fail, o.Stuck = true, c.effects.operation, c.effects.stuck
	o.Op = &run.GoogleLongrunningOperation{Name: s.operationName(o.Service), Metadata: metadata}
	s.ops[o.Op.Name] = o
	s.opOrder = append(s.opOrder, o.Op.Name)
	s.broadcast()
	if o.Execution != "" {
		return clone(o.Op)
	}
	return s.schedule(o)
}

// finishJob ends an operation on a job. It is called once the latency is over.
func (s *Server) finishJob(o *operation) {
	j := s.jobs[o.Service]
	switch {
	case o.Execution != "": // ends with the execution
		return
	case j == nil || j.Resource.Uid != o.UID:
		o.end(notFound("Resource", o.Service))
	case o.Stuck != 0 && o.Generation == j.Resource.Generation:
		return
	case o.Delete:
		s.dropJob(j)
		o.succeedWith(jobType, j.Resource)
	default:
		s.settleJob(j, o)
	}
	s.broadcast()
}

func (s *Server) settleJob(j *job, o *operation) {
	res := j.Resource
	current := o.Generation == res.Generation
	f := s.noContainer(j.image())
	if o.Fail != nil {
		f = &failure{Reason: "INTERNAL", Message: o.Fail.Message}
	}
	if current {
		res.Reconciling = false
		res.TerminalCondition = s.condition(typeReady, stateSucceeded)
		if f != nil {
			res.TerminalCondition.State = stateFailed
			f.explain(res.TerminalCondition)
		} else {
			res.ObservedGeneration = res.Generation
		}
	}
	switch {
	case o.Fail != nil:
		o.end(o.Fail)
	case f != nil:
		o.end(&apiError{GRPC: 9, Message: f.text()})
	default:
		o.succeedWith(jobType, res)
	}
}

func (o *operation) succeedWith(kind string, v any) {
	o.Op.Done = true
	o.Op.Metadata, o.Op.Response = typed(kind, v), typed(kind, v)
}

func (s *Server) dropJob(j *job) {
	for _, e := range slices.Clone(j.Executions) {
		s.cancel(j, e)
	}
	j.Resource.Reconciling = false
	delete(s.jobs, j.key())
}
