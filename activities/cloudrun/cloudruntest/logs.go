package cloudruntest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	logging "google.golang.org/api/logging/v2"
)

// line is one entry in the log of an execution.
type line struct {
	Time    time.Time `json:"time"`
	Number  int       `json:"number"`
	Log     string    `json:"log"` // "run.googleapis.com%2Fstdout"
	Attempt int       `json:"attempt"`
	Text    string    `json:"text"`
}

// logWriter makes entries of the lines that one attempt writes. A line counts once it is
// complete, or the attempt is over.
type logWriter struct {
	s       *Server
	e       *execution
	attempt int

	mu   sync.Mutex
	rest []byte
}

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		w.add(string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}

func (w *logWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.add(string(w.rest))
		w.rest = nil
	}
}

func (w *logWriter) add(text string) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.e.attempt == w.attempt && !w.e.ended() { // what was killed says no more
		w.s.write(w.e, "run.googleapis.com%2Fstdout", text)
	}
}

// write adds an entry to the log of e. s.mu is held.
func (s *Server) write(e *execution, log, text string) {
	e.written++
	e.Lines = append(e.Lines, line{Time: s.clock.Now(), Number: e.written, Log: log, Attempt: e.attempt, Text: text})
	e.Lines = e.Lines[max(0, len(e.Lines)-s.opts.LogSize):]
}

// entry is the line as Cloud Logging has it. Output that is a JSON object is one there too.
func (l line) entry(e *execution) *logging.LogEntry {
	parts := strings.Split(e.key(), "/") // projects/P/locations/L/jobs/J/executions/E
	out := &logging.LogEntry{
		InsertId: fmt.Sprintf("%s-%08d", parts[7], l.Number), LogName: "projects/" + parts[1] + "/logs/" + l.Log,
		Timestamp: l.Time.UTC().Format(time.RFC3339Nano),
		Resource: &logging.MonitoredResource{
			Type:   "cloud_run_job",
			Labels: map[string]string{"project_id": parts[1], "location": parts[3], "job_name": parts[5]},
		},
		Labels: map[string]string{
			"run.googleapis.com/execution_name": parts[7], "run.googleapis.com/task_index": "0",
			"run.googleapis.com/task_attempt": fmt.Sprint(l.Attempt - 1),
		},
	}
	if o := json.RawMessage(l.Text); strings.HasPrefix(l.Text, "{") && json.Valid(o) {
		out.JsonPayload = []byte(o)
		return out
	}
	out.TextPayload = l.Text
	return out
}

// listEntries answers entries:list of Cloud Logging for the logs of jobs, with filters that are
// comparisons of resource.type, resource.labels.X and labels."X" with a text by =, and of timestamp
// by >=, with AND between them.
func (s *Server) listEntries(c *call) (any, error) {
	var in logging.ListLogEntriesRequest
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, invalid("body", "Invalid JSON payload received. %s", err)
	}
	wanted, err := parseFilter(in.Filter)
	if err != nil {
		return nil, err
	}
	if in.OrderBy != "" && in.OrderBy != "timestamp asc" && in.OrderBy != "timestamp desc" {
		return nil, invalid("order_by", "order_by '%s' is not supported", in.OrderBy)
	}
	var all []*logging.LogEntry
	for _, each := range s.lines(in.ResourceNames) {
		if each.matches(wanted) {
			all = append(all, each.LogEntry)
		}
	}
	slices.SortStableFunc(all, func(a, b *logging.LogEntry) int {
		if d := strings.Compare(stampOf(a), stampOf(b)); d != 0 {
			return d
		}
		return strings.Compare(a.InsertId, b.InsertId)
	})
	if in.OrderBy == "timestamp desc" {
		slices.Reverse(all)
	}
	return page(all, in)
}

// stampOf is a timestamp that sorts as text.
func stampOf(e *logging.LogEntry) string {
	t, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		return e.Timestamp
	}
	return t.Format("2006-01-02T15:04:05.000000000Z")
}

func page(all []*logging.LogEntry, in logging.ListLogEntriesRequest) (any, error) {
	size := int(in.PageSize)
	if size < 0 {
		return nil, invalid("page_size", "page_size '%d' must be a non-negative integer.", size)
	}
	if size == 0 {
		size = 50
	}
	start, err := position(in.PageToken)
	if err != nil || start > len(all) {
		return nil, invalid("page_token", "page_token '%s' is not valid.", in.PageToken)
	}
	end := min(start+size, len(all))
	out := &logging.ListLogEntriesResponse{Entries: all[start:end]}
	if end < len(all) {
		out.NextPageToken = token(end)
	}
	return out, nil
}

type found struct{ *logging.LogEntry }

// lines returns the entries of all jobs in the given projects that can be listed by now.
func (s *Server) lines(projects []string) []found {
	var out []found
	now := s.clock.Now()
	for name, j := range s.jobs {
		project := strings.Join(strings.SplitN(name, "/", 3)[:2], "/")
		if !slices.Contains(projects, project) {
			continue
		}
		for _, e := range j.Executions {
			for _, l := range e.Lines {
				if !l.Time.Add(s.opts.LogDelay).After(now) {
					out = append(out, found{l.entry(e)})
				}
			}
		}
	}
	return out
}

func (f found) matches(wanted map[string]string) bool {
	for k, v := range wanted {
		ok := false
		label, ofResource := strings.CutPrefix(k, "resource.labels.")
		switch {
		case k == "resource.type":
			ok = f.Resource.Type == v
		case k == "timestamp":
			ok = stampOf(f.LogEntry) >= stampOf(&logging.LogEntry{Timestamp: v})
		case ofResource:
			ok = f.Resource.Labels[label] == v
		default:
			ok = f.Labels[strings.TrimPrefix(k, "labels.")] == v
		}
		if !ok {
			return false
		}
	}
	return true
}

// parseFilter returns what a filter compares: "resource.type", "resource.labels.X", "labels.X", "timestamp".
func parseFilter(filter string) (map[string]string, error) {
	term := regexp.MustCompile(`^\s*(resource\.type|resource\.labels\.[a-z_]+|labels\."[^"]+"|timestamp\s*>)\s*=\s*"([^"]*)"\s*$`)
	out := map[string]string{}
	for text := range strings.SplitSeq(strings.ReplaceAll(filter, "\n", " AND "), " AND ") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		m := term.FindStringSubmatch(text)
		if m == nil {
			return nil, invalid("filter", "Unparseable filter: '%s' is not supported here", text)
		}
		key, _, _ := strings.Cut(strings.ReplaceAll(m[1], `"`, ""), ">") // of a timestamp
		out[strings.TrimSpace(key)] = m[2]
	}
	return out, nil
}
