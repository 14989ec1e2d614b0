package analysis_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/analysis"
	"github.com/serin-dev/serin/activities/prometheus"
	"github.com/serin-dev/serin/rollout"
)

// reply is what the server of metrics does with a question.
type reply struct {
	status int
	body   string
	down   bool // nothing listens
	hangs  bool // until the question is given up
}

func vector(values ...string) reply {
	var series []string
	for i, v := range values {
		series = append(series, fmt.Sprintf(`{"metric":{"pod":"p%d"},"value":[1,%q]}`, i, v))
	}
	return reply{status: http.StatusOK, body: `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`}
}

func refusal(status int, kind, text string) reply {
	return reply{status: status, body: fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text)}
}

// always answers each question with the same value.
func always(value string) func(string, time.Duration) reply {
	return func(string, time.Duration) reply { return vector(value) }
}

// question is what the server was asked, and how long after the test began.
type question struct {
	query string
	at    time.Duration
}

// scene is a server of metrics, an artifact store and a workflow around Analyze, in a bubble of
// testing/synctest: hours take no time.
type scene struct {
	t       *testing.T
	begun   time.Time
	took    time.Duration // until run had a verdict
	answer  func(query string, at time.Duration) reply
	options analysis.Options
	work    activities.Work

	mu        sync.Mutex
	asked     []question
	stored    map[string][]byte
	full      bool // the artifact store takes nothing
	hangs     bool // it takes nothing, and does not say so
	beats     []string
	watchBeat func(size int)
	kept      pair
	stop      context.CancelCauseFunc // ends the attempt that runs
}

func newScene(t *testing.T, answer func(query string, at time.Duration) reply) *scene {
	t.Helper()
	s := &scene{t: t, begun: time.Now(), answer: answer, stored: map[string][]byte{}}
	s.options = analysis.Options{
		Artifacts: s,
		Analyzer: prometheus.Shared(prometheus.New(prometheus.Options{
			Transport: s, Hosts: activities.Hosts{"prometheus"}, Secrets: activities.Secrets{Getenv: func(string) string { return "hunter2" }},
		})),
	}
	s.work = activities.Work{
		Rollout: "v2-to-prod-0001", Pipeline: "shop", Release: "v2", Phase: "canary-25", Weight: 25,
		Target: rollout.Target{Name: "prod", Runtime: rollout.RuntimeKubernetes},
		Kubernetes: &rollout.Kubernetes{
			Namespace: "web", Deployment: "shop", Service: "shop-svc", Gateway: &rollout.Gateway{},
		},
	}
	return s
}

// RoundTrip is the server.
func (s *scene) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	q := question{query: form.Get("query"), at: time.Since(s.begun)}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	r := s.answer(q.query, q.at)
	s.mu.Unlock()
	switch {
	case r.down:
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	case r.hangs:
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)), StatusCode: r.status,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(r.body)), Request: req,
	}, nil
}

// Put and Get are the artifact store.
func (s *scene) Put(ctx context.Context, content []byte) (string, error) {
	s.mu.Lock()
	if s.hangs {
		s.mu.Unlock()
		<-ctx.Done()
		return "", ctx.Err()
	}
	defer s.mu.Unlock()
	if s.full {
		return "", errors.New("the bucket is gone")
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
	s.stored[digest] = content
	return digest, nil
}

func (s *scene) Get(_ context.Context, digest string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if content, ok := s.stored[digest]; ok {
		return content, nil
	}
	return nil, &rollout.Error{Op: "get artifact", On: digest, Kind: rollout.NotFound}
}

// pair are the details of a heartbeat. The test environment takes one value only.
type pair struct {
	text string
	kept json.RawMessage
}

type pairs struct{ converter.DataConverter }

func (p pairs) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	if len(values) == 1 {
		if v, ok := values[0].(pair); ok {
			values = []any{v.text, v.kept}
		}
	}
	return p.DataConverter.ToPayloads(values...)
}

// attempt runs the activity once, from the heartbeat of the attempt before if there is one.
func (s *scene) attempt(r activities.JobRequest) (activities.JobResult, error) {
	s.t.Helper()
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetDataConverter(pairs{converter.GetDefaultDataConverter()})
	if s.kept.kept != nil {
		env.SetHeartbeatDetails(s.kept)
	}
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var p pair
		s.mu.Lock()
		defer s.mu.Unlock()
		if details.Get(&p.text, &p.kept) == nil {
			s.kept = p
			if s.watchBeat != nil {
				s.watchBeat(len(p.kept))
			}
		}
		if details.Get(&p.text) == nil {
			s.beats = append(s.beats, p.text)
		}
	})
	var res activities.JobResult
	var err error
	env.RegisterActivityWithOptions(func(ctx context.Context, r activities.JobRequest) error {
		ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx)) // the environment ends all after ten minutes
		defer s.stop(nil)
		res, err = analysis.New(s.options).Analyze(ctx, r)
		return nil
	}, activity.RegisterOptions{Name: activities.Analyze})
	_, _ = env.ExecuteActivity(activities.Analyze, r)
	return res, err
}

// request returns the one for spec.
func (s *scene) request(spec rollout.Analysis) activities.JobRequest {
	s.t.Helper()
	content, err := json.Marshal(rollout.JobSpec{Analysis: &spec})
	if err != nil {
		s.t.Fatal(err)
	}
	digest, err := s.Put(s.t.Context(), content)
	if err != nil {
		s.t.Fatal(err)
	}
	return activities.JobRequest{Work: s.work, Job: rollout.JobAnalysis, Spec: digest, Attempt: 1}
}

// run is what the workflow does: it goes on until there is a verdict. It returns that, and what
// the activity said before.
func (s *scene) run(spec rollout.Analysis) (rollout.Outcome, []string) {
	s.t.Helper()
	r := s.request(spec)
	var path []string
	for outages := 0; ; {
		s.kept = pair{} // an activity of its own
		res, err := s.attempt(r)
		if err != nil {
			s.t.Fatal(err)
		}
		if res.Resume == "" {
			s.took = time.Since(s.begun)
			<-time.After(time.Minute) // questions that others might wait for end by their own timeout
			return res.Outcome, path
		}
		r.Resume, r.Outage = res.Resume, res.Outage != ""
		if r.Outage {
			path = append(path, "outage: "+res.Outage)
			outages++
		} else {
			path = append(path, "back")
		}
		r.Patient = outages >= 3 && !r.Outage
	}
}

// series are the samples of an outcome.
func (s *scene) series(out rollout.Outcome) []rollout.Series {
	s.t.Helper()
	content, err := s.Get(s.t.Context(), out.Samples)
	if err != nil {
		s.t.Fatal(err)
	}
	var series []rollout.Series
	if err := json.Unmarshal(content, &series); err != nil {
		s.t.Fatal(err)
	}
	return series
}

// times are when the server was asked, as one text.
func (s *scene) times() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at []string
	for _, q := range s.asked {
		at = append(at, q.at.Round(time.Millisecond).String())
	}
	return strings.Join(at, " ")
}

func limit(v float64) *float64 { return &v }

// spec is an analysis of ten minutes by one check each minute.
func spec(change ...func(*rollout.Analysis)) rollout.Analysis {
	a := rollout.Analysis{
		Duration: 10 * time.Minute, UnreachableAfter: 15 * time.Minute,
		Prometheus: &rollout.Prometheus{
			Address: "http://prometheus:9090", Timeout: 10 * time.Second,
			Checks: []rollout.Check{{ID: "success", Query: `ok{app="{{.Canary}}"}`, Interval: time.Minute, Min: limit(99), MinSamples: 5}},
		},
	}
	for _, each := range change {
		each(&a)
	}
	return a
}

// first changes the first check.
func first(change func(*rollout.Check)) func(*rollout.Analysis) {
	return func(a *rollout.Analysis) { change(&a.Prometheus.Checks[0]) }
}
