package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"

	temporalclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
	"github.com/serin-dev/serin/worker"
)

// identity stands in the histories instead of a process and a host.
const identity = "serin"

// site is the world that is recorded.
type site struct {
	*world.World
	files   *files
	outside *httptest.Server
	stop    func()
}

// open starts a world with a worker, neither of which says where it ran.
func open(ctx context.Context) (*site, error) {
	w, err := world.Start(ctx)
	if err != nil {
		return nil, err
	}
	s := &site{World: w, outside: newOutside(), stop: func() {}}
	w.Run.HandleJob("task/*", task)
	anonymous, err := temporalclient.DialContext(ctx, temporalclient.Options{
		HostPort: w.Server.Address(), Identity: identity,
		Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Temporal: %w", err), s.close())
	}
	w.Temporal.Close()
	w.Temporal, w.Client = anonymous, client.New(anonymous, w.Store)
	if s.files, err = newFiles(w); err != nil {
		return nil, errors.Join(err, s.close())
	}
	stop, err := w.WorkerWith(worker.Options{TaskQueue: rollout.DefaultTaskQueue, Shared: true, Hosts: activities.Hosts{"127.0.0.1"}})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.stop = stop
	return s, nil
}

func (s *site) close() error {
	s.stop()
	s.outside.Close()
	return s.Close()
}

// configuration records the namespace's only Config: two files taken over, and one refused; then
// what people suspend and abandon.
func (s *site) configuration(ctx context.Context) error {
	const name = "configured"
	for _, percentages := range [][]int{{25, 50}, {10, 50}} {
		yaml := world.Pipeline(name, s.Run.URL(), percentages, "")
		if _, err := s.Client.Apply(ctx, []byte(yaml), "ann"); err != nil {
			return err
		}
	}
	_, err := s.Client.Apply(ctx, []byte("kind: DeliveryPipline"), "ann")
	if rollout.KindOf(err) != rollout.Invalid {
		return fmt.Errorf("a wrong file was not refused as Invalid: %w", err)
	}
	if err := s.files.keep(ctx, "config-applies", rollout.ConfigID); err != nil {
		return err
	}
	for _, suspended := range []bool{true, true, false} {
		if _, err := s.Client.Suspend(ctx, rollout.Suspend{
			Kind: pipeline.KindDeliveryPipeline, Name: name, Suspended: suspended, Actor: "ann",
		}); err != nil {
			return err
		}
	}
	if _, err := s.Release(ctx, name, "v1", name, name+"/v1"); err != nil {
		return err
	}
	if err := s.Client.Abandon(ctx, rollout.Abandon{Pipeline: name, Release: "v1", Actor: "ann", Reason: "bad"}); err != nil {
		return err
	}
	if err := s.Client.Abandon(ctx, rollout.Abandon{Pipeline: name, Release: "v9"}); rollout.KindOf(err) != rollout.NotFound {
		return fmt.Errorf("a release that does not exist was abandoned: %w", err)
	}
	return s.files.keep(ctx, "config-people", rollout.ConfigID)
}
