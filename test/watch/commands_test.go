package watch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func TestCommandsOfAWatch(t *testing.T) {
	t.Parallel()
	s := newScene(t, "commands", 2)
	s.watch.Every = time.Hour
	s.serves("commands")
	for name, bad := range map[string]func(w *rollout.Watch){
		"no minimum": func(w *rollout.Watch) { w.MinRequests = 0 },
		"no region":  func(w *rollout.Watch) { w.Regions = nil },
		"no label":   func(w *rollout.Watch) { w.Label = "gradual" },
		"no project": func(w *rollout.Watch) { w.Project = "" },
		"too often":  func(w *rollout.Watch) { w.Every = 0 },
	} {
		w := s.watch
		bad(&w)
		if err := shared.Client.CreateWatch(s.ctx, w); rollout.KindOf(err) != rollout.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.looks()
	if err := shared.Client.CreateWatch(s.ctx, s.watch); rollout.KindOf(err) != rollout.Conflict || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second one: %v", err)
	}
	found := s.pass(func(rollout.WatchStatus) bool { return true })
	if len(found.Services) != 1 || found.Ended.IsZero() {
		t.Errorf("the first pass, at once, found %+v", found)
	}
	if err := shared.Client.PauseWatch(s.ctx, "commands", true, "incident"); err != nil {
		t.Fatal(err)
	}
	now, err := shared.Client.DescribeWatch(s.ctx, "commands")
	if err != nil || !now.Paused || now.Note != "incident" || !now.Next.IsZero() || now.Last.IsZero() || fmt.Sprint(now.Watch) != fmt.Sprint(s.watch) {
		t.Errorf("paused it is %+v, %v", now, err)
	}
	if err = shared.Client.PauseWatch(s.ctx, "commands", false, "over"); err != nil {
		t.Fatal(err)
	}
	s.until("the watch in a list, looking again", func() bool { // which may be behind
		all, failure := shared.Client.Watches(s.ctx)
		return failure == nil && slices.ContainsFunc(all, func(w client.Watching) bool {
			return w.Name == "commands" && w.Pipeline == "commands" && !w.Paused && w.Note == "over"
		})
	})
	for name, err := range map[string]error{
		"pause":  shared.Client.PauseWatch(s.ctx, "nothing", true, ""),
		"delete": shared.Client.DeleteWatch(s.ctx, "nothing"),
	} {
		if rollout.KindOf(err) != rollout.NotFound || !strings.Contains(err.Error(), "serin watch list") {
			t.Errorf("%s of one that is not there: %v", name, err)
		}
	}
	if _, err = shared.Client.DescribeWatch(s.ctx, "nothing"); rollout.KindOf(err) != rollout.NotFound {
		t.Errorf("describe of one that is not there: %v", err)
	}
}

// short wants the histories of a watch's passes to be so.
func (s *scene) short(limit int64) {
	s.Helper()
	list, err := shared.Temporal.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = 'Watch' AND SerinPipeline = '%s'", s.watch.Pipeline),
	})
	if err != nil {
		s.Fatal(err)
	}
	if len(list.GetExecutions()) == 0 {
		s.Error("no pass is listed")
	}
	for _, e := range list.GetExecutions() {
		if n := e.GetHistoryLength(); n > limit {
			s.Errorf("%s has %d events, want at most %d", e.GetExecution().GetWorkflowId(), n, limit)
		}
	}
}
