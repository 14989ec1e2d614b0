package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// uiPatience is how long the Web UI may take to answer for the first time.
const uiPatience = 30 * time.Second

// launchUI returns when the Web UI answers.
func launchUI(ctx context.Context, p ports, temporal string) (stop func() error, err error) {
	defer func() {
		if r := recover(); r != nil {
			stop, err = nil, fmt.Errorf("the web UI panicked: %v", r)
		}
	}()
	srv := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                host,
		Port:                p[ui].port,
		TemporalGRPCAddress: temporal,
		DefaultNamespace:    Namespace,
		EnableUI:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP
		HideLogs:            true,
		DisableNewsFetch:    true,
	}))
	if err := p.release(ui); err != nil {
		return nil, fmt.Errorf("web UI: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Start() }()
	stop = func() error {
		srv.Stop()
		return <-done
	}
	if err := answers(ctx, "http://"+p.address(ui)+"/healthz"); err != nil {
		return nil, errors.Join(fmt.Errorf("web UI: %w", err), stop())
	}
	return stop, nil
}

// answers returns when url is served with status 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, uiPatience, fmt.Errorf("%s did not answer in %s", url, uiPatience))
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok(ctx, url) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func ok(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}
