package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	logging "google.golang.org/api/logging/v2"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/rollout"
)

// maxLine bounds one line of a log, in bytes.
const maxLine = 4 << 10

// looks is how often a log is looked at after the end: its last lines arrive a few seconds later.
const looks = 4

const grantLogs = "grant roles/logging.viewer to this worker's identity"

// read returns the last lines of e's log, or a line that says why there are none: a log that
// cannot be read makes no other verdict.
func (r *jobRun) read(ctx context.Context, e *run.GoogleCloudRunV2Execution) []byte {
	var list []*logging.LogEntry
	again := polling{r.p.poll.longest, r.p.poll.longest}.begin()
	for n := range looks {
		if n > 0 && again.wait(ctx) != nil {
			break
		}
		before := len(list)
		var err error
		if list, err = r.entries(ctx, e); err != nil {
			return fmt.Appendf(nil, "the log of execution %s could not be read: %v\n", short(e.Name), r.or(ctx, err))
		}
		if complete(list) || len(list) > 0 && len(list) == before {
			break
		}
	}
	if len(list) == 0 {
		return fmt.Appendf(nil, "execution %s has no lines in Cloud Logging yet: %s\n", short(e.Name), e.LogUri)
	}
	return lastLines(list)
}

// entries returns the newest entries of e's log, newest first.
func (r *jobRun) entries(ctx context.Context, e *run.GoogleCloudRunV2Execution) ([]*logging.LogEntry, error) {
	c, err := r.p.logClient(ctx, r.w.Target.Endpoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	parts := strings.Split(r.on, "/") // projects/P/locations/L/jobs/J
	filter := []string{
		`resource.type="cloud_run_job"`,
		fmt.Sprintf(`resource.labels.location=%q`, parts[3]),
		fmt.Sprintf(`resource.labels.job_name=%q`, parts[5]),
		fmt.Sprintf(`labels."run.googleapis.com/execution_name"=%q`, short(e.Name)),
	}
	if e.CreateTime != "" {
		filter = append(filter, fmt.Sprintf(`timestamp>=%q`, e.CreateTime))
	}
	res, err := c.Entries.List(&logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + parts[1]}, Filter: strings.Join(filter, " AND "),
		OrderBy: "timestamp desc", PageSize: rollout.LogLines,
	}).Context(ctx).Do()
	if err != nil {
		err = typed("read log", r.on, err)
		var failed *rollout.Error
		if errors.As(err, &failed) && failed.Kind == rollout.Denied {
			failed.Fix = grantLogs
		}
		return nil, err
	}
	return res.Entries, nil
}

// logClient returns Cloud Logging's API: Google's, or, of an endpoint on this machine, that one's.
func (p *Provider) logClient(ctx context.Context, endpoint string) (*logging.Service, error) {
	if strings.HasPrefix(endpoint, "https:") {
		endpoint = "" // a private address of Cloud Run alone
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.logs[endpoint]; ok {
		return c, nil
	}
	opts, err := dialing(endpoint)
	if err != nil {
		return nil, err
	}
	c, err := logging.NewService(context.WithoutCancel(ctx), opts...) // it outlives the call
	if err != nil {
		return nil, &rollout.Error{Op: "cloudRun: connect to Cloud Logging", On: endpoint, Kind: rollout.Denied, Err: err, Fix: "give this worker Application Default Credentials"}
	}
	p.logs[endpoint] = c
	return c, nil
}

// complete reports whether the platform's word that the container has ended is there.
func complete(list []*logging.LogEntry) bool {
	return slices.ContainsFunc(list, func(e *logging.LogEntry) bool {
		return strings.HasSuffix(e.LogName, "varlog%2Fsystem") && strings.HasPrefix(e.TextPayload, "Container called exit(")
	})
}

// lastLines are those of entries that come newest first.
func lastLines(list []*logging.LogEntry) []byte {
	var lines []string
	for _, e := range slices.Backward(list) {
		if e.TextPayload == "" && len(e.JsonPayload) == 0 {
			continue // an entry of the audit
		}
		for text := range strings.SplitSeq(strings.TrimRight(payload(e), "\n"), "\n") {
			if len(text) > maxLine {
				text = strings.ToValidUTF8(text[:maxLine], "") + "..."
			}
			lines = append(lines, text)
		}
	}
	lines = lines[max(0, len(lines)-rollout.LogLines):]
	return []byte(strings.Join(lines, "\n") + "\n")
}

// payload is what was written. Of an object with a message, which is how programs write entries of
// their own, it is the message.
func payload(e *logging.LogEntry) string {
	if e.TextPayload != "" || len(e.JsonPayload) == 0 {
		return e.TextPayload
	}
	var o struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(e.JsonPayload, &o); err == nil && o.Message != "" {
		return o.Message
	}
	return string(e.JsonPayload)
}
