package world

import (
	"context"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// History returns every event of a workflow's newest run.
func (w *World) History(ctx context.Context, workflowID string) ([]*historypb.HistoryEvent, error) {
	var out []*historypb.HistoryEvent
	events := w.Temporal.GetWorkflowHistory(ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", workflowID, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// PhaseEvents returns how many events a rollout's history has before its first phase, up to
// the completion of Settle, in its phases, up to that of the last Deploy or Remove, and after.
func (w *World) PhaseEvents(ctx context.Context, workflowID string) (before, within, after int, err error) {
	events, err := w.History(ctx, workflowID)
	if err != nil {
		return 0, 0, 0, err
	}
	names := map[int64]string{}
	last := 0
	for i, e := range events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			names[e.GetEventId()] = a.GetActivityType().GetName()
		}
		if e.GetEventType() != enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED {
			continue
		}
		switch names[e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()] {
		case "Settle":
			before = i + 1
		case "Deploy", "Remove":
			last = i + 1
		}
	}
	if before == 0 || last == 0 {
		return 0, 0, 0, fmt.Errorf("history of %s: no Settle or no Deploy in %d events", workflowID, len(events))
	}
	return before, last - before, len(events) - last, nil
}

// Everything returns the histories of all workflows that belong to a pipeline, and of
// Config, as text by workflow id. Payloads are decoded, so that it can be searched.
func (w *World) Everything(ctx context.Context, pipeline string) (map[string]string, error) {
	list, err := w.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range list.GetExecutions() {
		id := e.GetExecution().GetWorkflowId()
		if id != "config" && !strings.Contains(id, "/"+pipeline+"/") {
			continue
		}
		events, err := w.History(ctx, id)
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		for _, event := range events {
			b, err := protojson.Marshal(event)
			if err != nil {
				return nil, fmt.Errorf("history of %s: %w", id, err)
			}
			text.Write(b)
			text.WriteString("\n" + Payloads(event) + "\n")
		}
		out[id] = text.String()
	}
	return out, nil
}

// Payloads returns the data of every payload in an event, a line each. protojson shows
// it in base64, which cannot be searched.
func Payloads(event *historypb.HistoryEvent) string {
	var text strings.Builder
	walk(event.ProtoReflect(), func(data []byte) {
		text.Write(data)
		text.WriteString("\n")
	})
	return text.String()
}
