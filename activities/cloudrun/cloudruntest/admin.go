package cloudruntest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	run "google.golang.org/api/run/v2"
)

// adminRoutes adds inspection as JSON:
//
//	GET    /admin/services              state, split, counts and URLs of every service
//	GET    /admin/requests              the request log
//	GET    /admin/splits?service=NAME   the split history, of all services without a name
//	GET    /admin/faults                active faults and failing images
//	POST   /admin/faults                {"kind", "method", "path", "times", "retryAfter": "2s", "latency": "1s"}: {"id"}
//	DELETE /admin/faults[/ID]           remove one or all
//	POST   /admin/images                {"image", "reason", "message"}: new revisions of it fail
//	DELETE /admin/images?image=PATTERN  and are ready again
//	POST   /admin/traffic               {"service", "traffic": [...], "identity"}: somebody else changes the split
//	POST   /admin/simulate              {"service", "requests", "errorRate": {REVISION: 0.1}, "latency": {REVISION: "80ms"}}
//	GET    /admin/snapshot              what Snapshot returns
func (s *Server) adminRoutes(m *http.ServeMux) {
	for pattern, fn := range map[string]func(*http.Request) (any, error){
		"GET /admin/{$}":            s.adminServices,
		"GET /admin/services":       s.adminServices,
		"GET /admin/requests":       func(*http.Request) (any, error) { return s.Log(), nil },
		"GET /admin/splits":         s.adminSplits,
		"GET /admin/faults":         s.adminFaults,
		"POST /admin/faults":        s.adminInject,
		"DELETE /admin/faults":      func(*http.Request) (any, error) { s.ClearFaults(); return struct{}{}, nil },
		"DELETE /admin/faults/{id}": s.adminRemove,
		"POST /admin/images":        s.adminFail,
		"DELETE /admin/images": func(r *http.Request) (any, error) {
			s.HealImage(r.URL.Query().Get("image"))
			return struct{}{}, nil
		},
		"POST /admin/traffic":  s.adminTraffic,
		"POST /admin/simulate": s.adminSimulate,
		"GET /admin/snapshot": func(*http.Request) (any, error) {
			b, err := s.Snapshot()
			return json.RawMessage(b), err
		},
	} {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := fn(r)
			var e *apiError
			switch {
			case errors.As(err, &e):
				e.reply().write(w)
			case err != nil:
				invalid("", "%s", err).reply().write(w)
			default:
				newReply(http.StatusOK, v).write(w)
			}
		})
	}
}

// decodeAdmin reads the body of an inspection request strictly.
func decodeAdmin(r *http.Request, v any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func (s *Server) adminServices(*http.Request) (any, error) {
	type view struct {
		Name     string                                     `json:"name"`
		URL      string                                     `json:"url"`
		Ready    *run.GoogleCloudRunV2Condition             `json:"ready"`
		Settled  bool                                       `json:"settled"`
		Shares   map[string]int64                           `json:"shares"`
		Statuses []*run.GoogleCloudRunV2TrafficTargetStatus `json:"trafficStatuses"`
		Requests map[string]Count                           `json:"requests"`
		Modifier string                                     `json:"lastModifier"`
	}
	out := []view{}
	for _, name := range s.Services() {
		res, err := s.Service(name)
		if err != nil {
			continue // deleted since
		}
		out = append(out, view{
			Name: name, URL: res.Uri, Ready: res.TerminalCondition, Settled: !res.Reconciling, Shares: s.Shares(name),
			Statuses: res.TrafficStatuses, Requests: s.Requests(name), Modifier: res.LastModifier,
		})
	}
	return out, nil
}

func (s *Server) adminSplits(r *http.Request) (any, error) {
	if name := r.URL.Query().Get("service"); name != "" {
		return s.Splits(name), nil
	}
	out := map[string][]Split{}
	for _, name := range s.Services() {
		out[name] = s.Splits(name)
	}
	return out, nil
}

// faultView is a Fault with durations as text.
type faultView struct {
	ID         int       `json:"id,omitempty"`
	Kind       FaultKind `json:"kind"`
	Method     string    `json:"method,omitempty"`
	Path       string    `json:"path,omitempty"`
	Times      int       `json:"times,omitempty"`
	RetryAfter string    `json:"retryAfter,omitempty"`
	Latency    string    `json:"latency,omitempty"`
}

func (s *Server) adminFaults(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := []faultView{}
	for _, f := range s.faults {
		faults = append(faults, faultView{
			ID: f.id, Kind: f.fault.Kind, Method: f.fault.Method, Path: f.fault.Path, Times: f.fault.Times,
			RetryAfter: f.fault.RetryAfter.String(), Latency: f.fault.Latency.String(),
		})
	}
	images := []imageView{}
	for _, f := range s.failures {
		images = append(images, imageView(f))
	}
	return map[string]any{"faults": faults, "images": images}, nil
}

func (s *Server) adminInject(r *http.Request) (any, error) {
	var in faultView
	if err := decodeAdmin(r, &in); err != nil {
		return nil, err
	}
	retryAfter, err := duration("retryAfter", in.RetryAfter)
	if err != nil {
		return nil, err
	}
	latency, err := duration("latency", in.Latency)
	if err != nil {
		return nil, err
	}
	id, err := s.inject(Fault{
		Kind: in.Kind, Method: in.Method, Path: in.Path, Times: in.Times, RetryAfter: retryAfter, Latency: latency,
	})
	return map[string]int{"id": id}, err
}

func duration(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", field, err)
	}
	return d, nil
}

func (s *Server) adminRemove(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || !s.removeFault(id) {
		return nil, notFound("Fault", r.PathValue("id"))
	}
	return struct{}{}, nil
}

type imageView struct {
	Image   string `json:"image"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func (s *Server) adminFail(r *http.Request) (any, error) {
	var in imageView
	if err := decodeAdmin(r, &in); err != nil {
		return nil, err
	}
	return struct{}{}, s.FailImage(in.Image, in.Reason, in.Message)
}

func (s *Server) adminTraffic(r *http.Request) (any, error) {
	var in struct {
		Service  string                               `json:"service"`
		Traffic  []*run.GoogleCloudRunV2TrafficTarget `json:"traffic"`
		Identity string                               `json:"identity"`
	}
	if err := decodeAdmin(r, &in); err != nil {
		return nil, err
	}
	if in.Identity == "" {
		in.Identity = "somebody@local"
	}
	return struct{}{}, s.ExternalPatch(in.Service, func(svc *run.GoogleCloudRunV2Service) { svc.Traffic = in.Traffic }, in.Identity)
}

func (s *Server) adminSimulate(r *http.Request) (any, error) {
	var in struct {
		Service   string             `json:"service"`
		Requests  int                `json:"requests"`
		ErrorRate map[string]float64 `json:"errorRate"`
		Latency   map[string]string  `json:"latency"`
	}
	if err := decodeAdmin(r, &in); err != nil {
		return nil, err
	}
	latency := map[string]time.Duration{}
	for rev, text := range in.Latency {
		d, err := duration("latency", text)
		if err != nil {
			return nil, err
		}
		latency[rev] = d
	}
	seen, failed := map[string]float64{}, map[string]int{}
	return struct{}{}, s.Simulate(in.Service, in.Requests, func(rev string, _ int) Response {
		out := Response{Code: http.StatusOK, Latency: 20 * time.Millisecond}
		if d, ok := latency[rev]; ok {
			out.Latency = d
		}
		seen[rev]++
		if due := int(seen[rev]*in.ErrorRate[rev] + 1e-9); due > failed[rev] {
			failed[rev]++
			out.Code = http.StatusInternalServerError
		}
		return out
	})
}
