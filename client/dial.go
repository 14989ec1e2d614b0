package client

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"github.com/serin-dev/serin/rollout"
)

const (
	// dialLimit bounds how long Dial waits for Temporal's first answer.
	dialLimit = 4 * time.Second
	// probeLimit bounds the search for the reason why there was none.
	probeLimit = time.Second
)

// Options says which Temporal to use. The zero value is what the temporal command
// would use: the TOML file of profiles, then the environment (TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_...), then
// 127.0.0.1:7233 and the namespace "default".
type Options struct {
	ConfigFile string // TOML file of profiles; "" is TEMPORAL_CONFIG_FILE, then temporalio/temporal.toml in the user's configuration directory
	Profile    string // profile in that file; "" is TEMPORAL_PROFILE, then "default"
	Address    string // "host:port"; "" leaves it to profile and environment
	Namespace  string // "" leaves it to profile and environment

	Identity string       // who calls, as histories show it; "" is process and host
	Logger   *slog.Logger // what Temporal's own client reports; nil discards it
}

// Dial connects to Temporal and returns once it has answered, within 5 seconds
// or the deadline of ctx, whichever is earlier. The store may be nil for a client
// that never applies.
//
// Errors: Invalid for a profile or file that cannot be used; Unreachable when
// nothing answers; Denied when the credentials are refused.
func Dial(ctx context.Context, o Options, s Store) (*Client, error) {
	loaded, err := o.load()
	if err != nil {
		return nil, &rollout.Error{
			Op: "load Temporal profile", On: cmp.Or(o.Profile, o.ConfigFile), Kind: rollout.Invalid, Err: err,
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	temporal, err := temporalclient.DialContext(ctx, loaded)
	if err != nil {
		return nil, unanswered(ctx, loaded.HostPort, err)
	}
	c := New(temporal, s)
	c.via, c.close = c.via+" at "+loaded.HostPort, temporal.Close
	return c, nil
}

// unanswered explains why Temporal did not answer. What gRPC says of a network
// that fails is often only that a deadline passed, so the network is asked.
func unanswered(ctx context.Context, address string, err error) error {
	restored := restore(call{op: "connect to Temporal", on: "at " + address}, err)
	var e *rollout.Error
	if !errors.As(restored, &e) || e.Kind == rollout.Denied {
		return restored
	}
	if e.Kind == rollout.Unreachable {
		probe, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeLimit)
		defer cancel()
		if conn, cause := new(net.Dialer).DialContext(probe, "tcp", address); cause != nil {
			e.Err = &remote{text: cause.Error(), err: err}
		} else if conn.Close() == nil {
			e.Fix = "something listens there: is it Temporal, and does it want TLS?"
		}
		return e
	}
	e.Kind, e.Fix = rollout.Unreachable, "something answers there, but not as Temporal does"
	return e
}

// load merges profile, environment and o; o wins.
func (o Options) load() (temporalclient.Options, error) {
	if o.ConfigFile != "" { // a file that was named must be there; the library would go on without it
		if _, err := os.Stat(o.ConfigFile); errors.Is(err, fs.ErrNotExist) {
			return temporalclient.Options{}, errors.New("the file does not exist")
		}
	}
	loaded, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{
		ConfigFilePath: o.ConfigFile, ConfigFileProfile: o.Profile,
	})
	if err != nil {
		return temporalclient.Options{}, err
	}
	loaded.HostPort = cmp.Or(o.Address, loaded.HostPort, temporalclient.DefaultHostPort)
	loaded.Namespace = cmp.Or(o.Namespace, loaded.Namespace, temporalclient.DefaultNamespace)
	loaded.Identity = o.Identity
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	loaded.Logger = sdklog.NewStructuredLogger(logger)
	return loaded, nil
}
