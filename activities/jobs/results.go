package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// maxResults bounds results.json, in bytes.
const maxResults = 64 << 10

// The words of resultStatus.
const (
	statusSucceeded    = "SUCCEEDED"
	statusFailed       = "FAILED"
	statusSkipped      = "SKIPPED"       // of a deploy
	statusNotSupported = "NOT_SUPPORTED" // of a render
)

// results is what the containers say of their run, in results.json. It has more fields, which only
// people read: in the logs.
type results struct {
	Status   string `json:"resultStatus"`
	Manifest string `json:"manifestFile"` // of a render
	Failure  string `json:"failureMessage"`
	Skip     string `json:"skipMessage"`
}

func (r results) skipped() string {
	return "skipped: " + cmp.Or(r.Skip, "its container gives no skipMessage")
}

// judge adds what the containers of an Exchange say of themselves to what is found of them. Those that
// have failed or never ran are not asked: a failureMessage only tells why.
func (j *Jobs) judge(ctx context.Context, rep *report, request string) error {
	verdict := verdictOf(rep.found)
	if verdict == rollout.VerdictInconclusive {
		return nil
	}
	raw, err := j.files.GetNamed(ctx, folder(rep.at.request)+"/"+resultsFile)
	if verdict == rollout.VerdictFail {
		if err == nil {
			rep.explain(raw)
		}
		return nil // without one, the exit code has said it
	}
	c := rollout.CheckStatus{ID: resultsFile, Verdict: rollout.VerdictFail}
	switch kind := rollout.KindOf(err); {
	case kind == rollout.NotFound:
		c.Reason = "the containers ended well and left no results.json in CLOUD_DEPLOY_OUTPUT_GCS_PATH"
	case kind == rollout.Invalid:
		c.Reason = "results.json cannot be read: " + err.Error()
	case err != nil:
		return fmt.Errorf("read what the containers say: %w", err)
	default:
		c.Verdict, c.Reason = rep.read(raw, request)
	}
	rep.found = append(rep.found, c)
	return nil
}

// read judges results.json by itself.
func (rep *report) read(raw []byte, request string) (rollout.Verdict, string) {
	if len(raw) > maxResults {
		return rollout.VerdictFail, fmt.Sprintf("results.json has %d bytes, and at most %d are read", len(raw), maxResults)
	}
	rep.note(raw)
	var r results
	if err := json.Unmarshal(raw, &r); err != nil {
		return rollout.VerdictFail, "results.json cannot be read: " + err.Error()
	}
	rep.results = r
	known := []string{statusSucceeded, statusFailed, statusSkipped}
	if request == rollout.RequestRender {
		known[2] = statusNotSupported
	}
	switch {
	case !slices.Contains(known, r.Status):
		return rollout.VerdictFail, fmt.Sprintf("results.json has resultStatus %q: of a %s there are %s", r.Status, request, strings.Join(known, ", "))
	case r.Status == statusSucceeded:
		return rollout.VerdictPass, ""
	case r.Status == statusSkipped:
		return rollout.VerdictPass, r.skipped()
	}
	return rollout.VerdictFail, r.Status + ": " + cmp.Or(r.Failure, "its container gives no failureMessage")
}

// explain adds the failureMessage of containers that have failed to what is found of them.
func (rep *report) explain(raw []byte) {
	var r results
	if len(raw) > maxResults {
		return
	}
	rep.note(raw)
	if json.Unmarshal(raw, &r) != nil || r.Failure == "" {
		return
	}
	for i, c := range rep.found {
		if c.Verdict == rollout.VerdictFail {
			rep.found[i].Reason = strings.TrimPrefix(c.Reason+": "+r.Failure, ": ")
			return
		}
	}
}

// note appends results.json to the logs.
func (rep *report) note(raw []byte) {
	rep.logs = fmt.Appendf(rep.logs, "== %s ==\n%s", resultsFile, strings.ToValidUTF8(string(raw), ""))
	if rep.logs[len(rep.logs)-1] != '\n' {
		rep.logs = append(rep.logs, '\n')
	}
}
