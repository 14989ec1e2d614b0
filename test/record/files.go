package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"

	"github.com/serin-dev/serin/test/world"
)

const (
	// maxSize is of one file. Beyond it a path is too long to be read by a reviewer.
	maxSize = 150_000
	// pause is between two looks at a workflow that has not come to rest.
	pause = 20 * time.Millisecond
)

// files are the histories recorded so far.
type files struct {
	world   *world.World
	private []string // what names this machine

	mu      sync.Mutex
	content map[string][]byte // by file name
}

func newFiles(w *world.World) (*files, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return &files{
		world: w, content: map[string][]byte{},
		private: []string{strings.TrimPrefix(w.Address, "file://"), "@" + host, host + ":"},
	}, nil
}

// keep takes the history of a workflow once it has come to rest.
func (f *files) keep(ctx context.Context, name, id string) error {
	events, err := f.atRest(ctx, id)
	if err != nil {
		return err
	}
	content, err := encode(events)
	if err != nil {
		return fmt.Errorf("encode history of %s: %w", id, err)
	}
	if len(content) > maxSize {
		return fmt.Errorf("history of %s has %d bytes, more than %d", id, len(content), maxSize)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file := name + ".json"
	if _, ok := f.content[file]; ok {
		return fmt.Errorf("%s is recorded twice", file)
	}
	f.content[file] = content
	return nil
}

// atRest returns the events of a workflow as soon as no worker has to act on them.
func (f *files) atRest(ctx context.Context, id string) ([]*historypb.HistoryEvent, error) {
	for {
		events, err := f.read(ctx, id)
		if err != nil {
			return nil, err
		}
		switch events[len(events)-1].GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED:
		default:
			return events, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s to come to rest: %w", id, ctx.Err())
		}
	}
}

func (f *files) read(ctx context.Context, id string) ([]*historypb.HistoryEvent, error) {
	events, err := f.world.History(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if q := e.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue(); q.GetNormalName() != "" {
			q.Name = "sticky" // it is named after the host
		}
		text := e.String()
		for _, private := range f.private {
			if strings.Contains(text, private) {
				return nil, fmt.Errorf("history of %s names this machine (%s) in event %d", id, private, e.GetEventId())
			}
		}
	}
	return events, nil
}

// encode writes a history as the temporal command does, but with a line for each event.
func encode(events []*historypb.HistoryEvent) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`{"events":[`)
	for i, e := range events {
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n")
		line, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(e)
		if err != nil {
			return nil, err
		}
		if err := json.Compact(&out, line); err != nil {
			return nil, err
		}
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}
