package cloudruntest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"
)

// The @type of the metadata and response of operations on jobs.
const (
	jobType       = "type.googleapis.com/google.cloud.run.v2.Job"
	executionType = "type.googleapis.com/google.cloud.run.v2.Execution"
)

// job is one job with its executions. Its exported fields are what a snapshot keeps.
type job struct {
	Resource   *run.GoogleCloudRunV2Job `json:"resource"`
	MaxRetries int64                    `json:"maxRetries"` // of its task; the resource cannot tell 0 from none
	Executions []*execution             `json:"executions"` // oldest first
	Changes    int                      `json:"changes"`    // so far, for the etag
}

func (j *job) key() string { return j.Resource.Name }

func (j *job) touch(srv *Server) {
	j.Changes++
	j.Resource.Etag = srv.etagOf(j.key(), j.Changes)
}

func (s *Server) jobRoutes(m *http.ServeMux, base string) {
	for pattern, fn := range map[string]endpoint{
		"POST " + base + "/jobs":                                           s.createJob,
		"GET " + base + "/jobs":                                            s.listJobs,
		"GET " + base + "/jobs/{job}":                                      s.getJob,
		"PATCH " + base + "/jobs/{job}":                                    s.patchJob,
		"DELETE " + base + "/jobs/{job}":                                   s.deleteJob,
		"POST " + base + "/jobs/{job}":                                     s.runJob, // the verb is part of the last segment
		"GET " + base + "/jobs/{job}/executions":                           s.listExecutions,
		"GET " + base + "/jobs/{job}/executions/{execution}":               s.getExecution,
		"POST " + base + "/jobs/{job}/executions/{execution}":              s.cancelExecution,
		"DELETE " + base + "/jobs/{job}/executions/{execution}":            s.deleteExecution,
		"GET " + base + "/jobs/{job}/executions/{execution}/tasks":         s.listTasks,
		"GET " + base + "/jobs/{job}/executions/{execution}/tasks/{index}": s.getTask,
		"POST /v2/entries:list":                                            s.listEntries,
	} {
		m.HandleFunc(pattern, s.api(s.locked(fn)))
	}
}

func (c *call) jobName() string { return c.parent() + "/jobs/" + c.PathValue("job") }

func (s *Server) lookupJob(name string) (*job, error) {
	j := s.jobs[name]
	if j == nil {
		return nil, notFound("Resource", name)
	}
	return j, nil
}

// decodeJob reads a job from a request body, without its output-only members.
func decodeJob(body []byte) (*job, string, error) {
	res := new(run.GoogleCloudRunV2Job)
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(res); err != nil {
		return nil, "", invalid("job", "Invalid JSON payload received. %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	user := &run.GoogleCloudRunV2Job{
		Annotations: res.Annotations, Labels: res.Labels, Client: res.Client, ClientVersion: res.ClientVersion,
		LaunchStage: res.LaunchStage, BinaryAuthorization: res.BinaryAuthorization, Name: res.Name, Template: res.Template,
	}
	return &job{Resource: user, MaxRetries: retries(body)}, res.Etag, nil
}

// retries is template.template.maxRetries of a job, 3 where it is not there.
func retries(body []byte) int64 {
	var in struct {
		Template struct {
			Template struct {
				MaxRetries *int64 `json:"maxRetries"`
			} `json:"template"`
		} `json:"template"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Template.Template.MaxRetries == nil {
		return 3
	}
	return *in.Template.Template.MaxRetries
}

func (s *Server) createJob(c *call) (any, error) {
	id := c.query("jobId")
	if !dnsLabel(id) || len(id) > maxJobID || id[0] < 'a' || id[0] > 'z' {
		return nil, invalid("job_id", "Violation in CreateJobRequest.job_id: '%s' must use only lowercase alphanumeric characters and dashes, begin with a letter, not end with a dash, and have fewer than %d characters.", id, maxJobID+1)
	}
	j, _, err := decodeJob(c.body)
	if err != nil {
		return nil, err
	}
	if j.Resource.Name != "" {
		return nil, invalid("job.name", "Violation in CreateJobRequest.job.name: must be empty, the id is taken from job_id.")
	}
	name := c.parent() + "/jobs/" + id
	if s.jobs[name] != nil {
		return nil, alreadyExists("Resource '%s' already exists.", id)
	}
	return s.addJob(c, j, name)
}

func (s *Server) addJob(c *call, j *job, name string) (any, error) {
	if err := checkJob("CreateJobRequest", j); err != nil {
		return nil, err
	}
	if s.countJobs(c.parent()) >= maxJobs {
		return nil, exhausted("RESOURCE_LIMIT_EXCEEDED", "jobs_per_region", 0)
	}
	res := j.Resource
	withJobDefaults(j)
	res.Name = name
	if c.flag("validateOnly") {
		return previewJob(s, c, j), nil
	}
	res.Uid = uid(s.digest("uid", name, s.next("job", name)))
	res.Creator, res.CreateTime = c.identity, s.stamp()
	s.jobs[name] = j
	return s.beginJob(c, j), nil
}

func (s *Server) countJobs(parent string) int {
	n := 0
	for name := range s.jobs {
		if location(name) == parent {
			n++
		}
	}
	return n
}

func previewJob(s *Server, c *call, j *job) *run.GoogleLongrunningOperation {
	body := typed(jobType, j.Resource)
	name := c.parent() + "/operations/" + uid(s.digest("preview", j.key(), 0))
	return &run.GoogleLongrunningOperation{Name: name, Done: true, Metadata: body, Response: body}
}

func (s *Server) getJob(c *call) (any, error) {
	j, err := s.lookupJob(c.jobName())
	if err != nil {
		return nil, err
	}
	return j.Resource, nil
}

func (s *Server) listJobs(c *call) (any, error) {
	var all []*run.GoogleCloudRunV2Job
	for name, j := range s.jobs {
		if location(name) == c.parent() {
			all = append(all, j.Resource)
		}
	}
	slices.SortFunc(all, func(a, b *run.GoogleCloudRunV2Job) int { return strings.Compare(a.Name, b.Name) })
	page, next, err := paginate(c, all, 100)
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListJobsResponse{Jobs: page, NextPageToken: next}, nil
}

// patchJob replaces the whole of the user's part: jobs have no field masks.
func (s *Server) patchJob(c *call) (any, error) {
	next, etag, err := decodeJob(c.body)
	if err != nil {
		return nil, err
	}
	j := s.jobs[c.jobName()]
	switch {
	case j == nil && c.flag("allowMissing"):
		return s.addJob(c, next, c.jobName())
	case j == nil:
		return nil, notFound("Resource", c.jobName())
	}
	if err := s.jobConflict(c, j, etag); err != nil {
		return nil, err
	}
	if err := checkJob("UpdateJobRequest", next); err != nil {
		return nil, err
	}
	withJobDefaults(next)
	next.Resource.Name = j.key()
	if c.flag("validateOnly") {
		return previewJob(s, c, next), nil
	}
	r := j.Resource
	r.Annotations, r.Labels, r.Client, r.ClientVersion = next.Resource.Annotations, next.Resource.Labels, next.Resource.Client, next.Resource.ClientVersion
	r.LaunchStage, r.BinaryAuthorization, r.Template = next.Resource.LaunchStage, next.Resource.BinaryAuthorization, next.Resource.Template
	j.MaxRetries = next.MaxRetries
	return s.beginJob(c, j), nil
}

// jobConflict refuses a stale etag where etags count, and a job that is being deleted.
func (s *Server) jobConflict(c *call, j *job, etag string) error {
	strict := s.opts.Etag == EtagStrict || c.effects.strict
	switch {
	case strict && etag != "" && etag != j.Resource.Etag:
		return aborted(etag, j.Resource.Etag)
	case j.Resource.DeleteTime != "":
		return failedPrecondition("Resource '%s' is being deleted.", last(j.key()))
	}
	return nil
}

func (s *Server) deleteJob(c *call) (any, error) {
	j, err := s.lookupJob(c.jobName())
	if err != nil {
		return nil, err
	}
	if err := s.jobConflict(c, j, c.query("etag")); err != nil {
		return nil, err
	}
	if c.flag("validateOnly") {
		return previewJob(s, c, j), nil
	}
	j.Resource.DeleteTime = s.stamp()
	return s.beginJob(c, j), nil
}
