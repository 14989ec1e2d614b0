package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// server is what the commands ask of Serin, by topic. A *client.Client is all of it.
type server struct {
	config   configurer
	releases releases
	rollouts rollouts
	command  commander
	targets  targets
	lanes    lanes

	watches   scheduler
	watchList watchLister

	close func()
}

type configurer interface {
	Apply(ctx context.Context, yaml []byte, actor string) (rollout.ApplyResult, error)
	Index(ctx context.Context) (rollout.Index, error)
	Suspend(ctx context.Context, s rollout.Suspend) (rollout.ApplyResult, error)
	Abandon(ctx context.Context, a rollout.Abandon) error
}

type releases interface {
	CreateRelease(ctx context.Context, r rollout.CreateRequest) (rollout.ReleaseStatus, error)
	Release(ctx context.Context, pipeline, release string) (rollout.ReleaseStatus, error)
	Releases(ctx context.Context, f client.Filter) ([]client.Summary, error)
	WaitRollout(ctx context.Context, pipeline, release, target string) (string, error)
}

type rollouts interface {
	Rollout(ctx context.Context, pipeline, name string) (client.Rollout, error)
	Rollouts(ctx context.Context, f client.Filter) ([]client.Summary, error)
	Watch(ctx context.Context, pipeline, name string, fn func(client.Rollout) error) error
}

type commander interface {
	Command(ctx context.Context, pipeline, name, command string, cmd rollout.Command) (rollout.Ack, error)
}

// targets says what is on a target, and what is recorded of it.
type targets interface {
	Observe(ctx context.Context, p rollout.Plan) (rollout.Observed, error)
	Lane(ctx context.Context, pipeline, target string) (rollout.LaneStatus, error)
	Lanes(ctx context.Context, f client.Filter) ([]client.Summary, error)
}

// lanes make new rollouts, and say where a release goes next.
type lanes interface {
	Destination(ctx context.Context, pipeline, release, to string) (client.Promotion, error)
	Promote(ctx context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error)
	Rollback(ctx context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error)
	Redeploy(ctx context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error)
}

// artifacts is what the commands need of the artifact store.
type artifacts interface {
	Put(ctx context.Context, content []byte) (string, error)
	Get(ctx context.Context, digest string) ([]byte, error)
	GetNamed(ctx context.Context, name string) ([]byte, error)
	Close() error
}

var (
	_ configurer = (*client.Client)(nil)
	_ releases   = (*client.Client)(nil)
	_ rollouts   = (*client.Client)(nil)
	_ commander  = (*client.Client)(nil)
	_ targets    = (*client.Client)(nil)
	_ lanes      = (*client.Client)(nil)
	_ artifacts  = (*artifact.Store)(nil)
)

// dial connects to Temporal. The store may be nil for a command that never applies.
func dial(ctx context.Context, o client.Options, s client.Store) (*server, error) {
	c, err := client.Dial(ctx, o, s)
	if err != nil {
		return nil, err
	}
	return &server{config: c, releases: c, rollouts: c, command: c, targets: c, lanes: c, watches: c, watchList: c, close: c.Close}, nil
}

func openStore(ctx context.Context, url string) (artifacts, error) {
	s, err := artifact.Open(ctx, url)
	if err != nil {
		return nil, err // and not a nil *Store in an interface
	}
	return s, nil
}

// connect dials Temporal and calls use. It is the first thing in a command that
// needs a network.
func (a *app) connect(c *cli.Context, use func(*server) error) error {
	return a.connectWith(c, nil, use)
}

func (a *app) connectWith(c *cli.Context, store client.Store, use func(*server) error) error {
	s, err := a.dial(c.Context, client.Options{
		Address: c.String("address"), Namespace: c.String("namespace"), Profile: c.String("profile"),
	}, store)
	if err != nil {
		return err
	}
	defer s.close()
	return use(s)
}

// withStore opens the artifact store and calls use.
func (a *app) withStore(c *cli.Context, use func(artifacts) error) (err error) {
	store, err := a.store(c.Context, a.value(c, "artifacts"))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := store.Close(); err == nil {
			err = cerr
		}
	}()
	return use(store)
}
