package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"k8s.io/klog/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/analysis"
	"github.com/serin-dev/serin/activities/cloudrun"
	"github.com/serin-dev/serin/activities/googlecloud"
	"github.com/serin-dev/serin/activities/jobs"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/activities/notify"
	"github.com/serin-dev/serin/activities/prometheus"
	"github.com/serin-dev/serin/activities/release"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// grace is how long running steps may go on after a worker is asked to stop. Whatever
// is cut off is taken over by another worker a heartbeat timeout later.
const grace = 10 * time.Second

// Run runs a worker until ctx ends. It returns nil after a stop that was asked for.
func Run(ctx context.Context, o Options, logger *slog.Logger) error {
	klog.SetSlogLogger(logger) // what client-go has to say of its watches
	store, err := artifact.Open(ctx, o.Artifacts)
	if err != nil {
		return err
	}
	defer closing(logger, "artifact store", store.Close)
	m, err := newMetrics(logger)
	if err != nil {
		return err
	}
	temporal, err := dial(ctx, m, logger)
	if err != nil {
		return err
	}
	defer temporal.Close()
	m.ready = func(ctx context.Context) error {
		_, down := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		return down
	}
	stop, err := m.serve(ctx, o.Listen, logger)
	if err != nil {
		return err
	}
	defer stop()

	sdkworker.SetStickyWorkflowCacheSize(cmp.Or(o.WorkflowCache, DefaultWorkflowCache)) // of the whole process
	fatal := make(chan error, 1)
	w := New(temporal, store, o, func(err error) { fatal <- err })
	if err := w.Start(); err != nil {
		return fmt.Errorf("start worker on task queue %s: %w", o.TaskQueue, err)
	}
	defer w.Stop()
	logger.Info("worker is polling", "taskQueue", o.TaskQueue)
	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return fmt.Errorf("worker on task queue %s: %w", o.TaskQueue, err)
	}
}

// New returns a worker that is not started yet. fatal hears of an error that it
// cannot go on after.
func New(temporal client.Client, store *artifact.Store, o Options, fatal func(error)) sdkworker.Worker {
	own := o.TaskQueue == rollout.DefaultTaskQueue
	w := sdkworker.New(temporal, o.TaskQueue, sdkworker.Options{
		WorkerStopTimeout:           grace,
		DisableWorkflowWorker:       !own,
		DisableRegistrationAliasing: true,
		OnFatalError:                fatal,
	})
	secrets := activities.Secrets{Getenv: os.Getenv, Folder: o.Secrets}
	atTarget(w, store, o, secrets)
	if !own {
		return w
	}
	workflows.Register(w)
	w.RegisterActivity(activities.NewEntities(temporal))
	r := release.New(store, temporal, o.private())
	n := notify.New(r, temporal, secrets, o.Hosts)
	register(w, map[string]any{
		activities.ReadConfiguration: r.ReadConfiguration,
		activities.PlanRelease:       r.PlanRelease,
		activities.LoadPlan:          r.LoadPlan,
		activities.Permit:            r.Permit,
		activities.Automations:       r.Automations,
		activities.Abandon:           r.Abandon,
		activities.SetSuspended:      r.SetSuspended,
		activities.RouteNotices:      n.RouteNotices,
		activities.DeliverNotices:    n.DeliverNotices,
	})
	adopts(w, temporal, store)
	return w
}

// atTarget registers what runs near a target: on every task queue.
func atTarget(w sdkworker.Worker, store *artifact.Store, o Options, secrets activities.Secrets) {
	p := platforms(store, o)
	w.RegisterActivity(activities.NewSteps(p, store))
	j := jobs.New(jobs.Options{Platforms: p, Artifacts: store, Files: store, Hosts: o.Hosts})
	google := googlecloud.New()
	a := analysis.New(analysis.Options{
		Platforms: p, Artifacts: store, Alerts: google, Errors: google, Asker: j, Env: jobs.Env,
		Analyzer: prometheus.Shared(prometheus.New(prometheus.Options{Secrets: secrets, Hosts: o.Hosts})),
	})
	register(w, map[string]any{
		activities.RunJob:       j.RunJob,
		activities.StopJob:      j.StopJob,
		activities.RenderCustom: j.RenderCustom,
		activities.AskWebhook:   j.AskWebhook,
		activities.Analyze:      a.Analyze,
	})
	discovers(w, store)
}

func register(w sdkworker.ActivityRegistry, all map[string]any) {
	for name, do := range all {
		w.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
}

// platforms has one line for each runtime that this build can roll out to.
func platforms(store *artifact.Store, o Options) map[rollout.Runtime]activities.Platform {
	return map[rollout.Runtime]activities.Platform{
		rollout.RuntimeCloudRun: cloudrun.New(store),
		rollout.RuntimeKubernetes: kubernetes.New(store, kubernetes.Options{
			QPS: float32(o.KubernetesQPS), Burst: o.KubernetesBurst,
		}),
	}
}

// dial connects by Temporal's own environment variables and profiles.
func dial(ctx context.Context, m *metrics, logger *slog.Logger) (client.Client, error) {
	o, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{})
	if err != nil {
		return nil, &rollout.Error{Op: "load Temporal profile", Kind: rollout.Invalid, Err: err}
	}
	o.HostPort = cmp.Or(o.HostPort, client.DefaultHostPort)
	o.Logger = sdklog.NewStructuredLogger(logger)
	o.MetricsHandler = m.handler
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, &rollout.Error{
			Op: "connect to Temporal", On: "at " + o.HostPort, Kind: rollout.Unreachable, Err: err,
			Fix: "set TEMPORAL_ADDRESS, or start one with 'go run . up' in deploy/local",
		}
	}
	return c, nil
}

// closing closes what a worker leaves behind; there is nobody to return an error to.
func closing(logger *slog.Logger, what string, do func() error) {
	if err := do(); err != nil {
		logger.Warn("close "+what, "error", err)
	}
}
