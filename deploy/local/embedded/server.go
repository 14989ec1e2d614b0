package embedded

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"

	"github.com/serin-dev/serin/rollout"
)

// launch returns when the server is up. A failed one may leave goroutines behind.
// It uses a goroutine of its own, because a server that gives up ends the one it
// is in.
func launch(cfg *config.Config, log *logger) (temporal.Server, error) {
	type outcome struct {
		srv temporal.Server
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o = outcome{err: fmt.Errorf("the server panicked: %v", p)}
			}
			done <- o
		}()
		srv, err := assemble(cfg, log)
		o = outcome{srv: srv, err: err}
	}()
	o := <-done
	select {
	case err := <-log.gaveUp: // the first cause of whatever followed
		if o.srv != nil {
			err = errors.Join(err, o.srv.Stop())
		}
		return nil, err
	default:
		return o.srv, o.err
	}
}

func assemble(cfg *config.Config, log *logger) (temporal.Server, error) {
	srv, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(cfg)),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(tuning()),
	)
	if err != nil {
		return nil, fmt.Errorf("assemble the server: %w", err)
	}
	if err := srv.Start(); err != nil {
		return nil, err
	}
	return srv, nil
}

func hosts(cfg *config.Config) map[primitives.ServiceName]static.Hosts {
	out := map[primitives.ServiceName]static.Hosts{}
	for name, s := range cfg.Services {
		out[primitives.ServiceName(name)] = static.SingleLocalHost(join(s.RPC.GRPCPort))
	}
	return out
}

func searchAttributes() []string {
	return []string{
		rollout.AttributePipeline, rollout.AttributeTarget, rollout.AttributeRelease,
		rollout.AttributeState, rollout.AttributePhase,
	}
}

// addSearchAttributes adds those that the namespace lacks: one that is missing
// fails every workflow task that sets it.
func addSearchAttributes(ctx context.Context, address string, log *logger) error {
	c, err := client.DialContext(ctx, client.Options{
		HostPort: address, Namespace: Namespace, Logger: sdklog.NewStructuredLogger(log.SLog()),
	})
	if err != nil {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	defer c.Close()

	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: Namespace})
	if err != nil {
		return fmt.Errorf("list search attributes: %w", err)
	}
	missing := map[string]enums.IndexedValueType{}
	for _, name := range searchAttributes() {
		switch t, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
		case t != enums.INDEXED_VALUE_TYPE_KEYWORD:
			return fmt.Errorf("search attribute %s is a %s, want a Keyword: remove it from namespace %s", name, t, Namespace)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: Namespace, SearchAttributes: missing,
	})
	if err != nil {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return nil
}
