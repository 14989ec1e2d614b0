package cloudrun

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Record returns the live service as JSON, nil if there is none. Literal values of
// environment variables and probe headers may be secrets: each is replaced by
// "sha256:" and the first 12 hexadecimal digits of its digest, enough to see
// whether it changed.
func (p *Provider) Record(ctx context.Context, w activities.Work) ([]byte, error) {
	s, err := p.open(ctx, "record", w)
	if err != nil {
		return nil, err
	}
	svc, err := s.get(ctx)
	if err != nil || svc == nil {
		return nil, err
	}
	svc.Conditions, svc.TerminalCondition, svc.Etag = nil, nil, ""
	if t := svc.Template; t != nil {
		for _, c := range t.Containers {
			hide(c)
		}
	}
	if build := svc.BuildConfig; build != nil {
		for name, value := range build.EnvironmentVariables {
			build.EnvironmentVariables[name] = fingerprint(value)
		}
	}
	b, err := json.MarshalIndent(svc, "", "  ")
	if err != nil {
		return nil, s.fail(rollout.Invalid, err)
	}
	return b, nil
}

func hide(c *run.GoogleCloudRunV2Container) {
	for _, e := range c.Env {
		e.Value = fingerprint(e.Value)
	}
	for _, p := range []*run.GoogleCloudRunV2Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if p == nil || p.HttpGet == nil {
			continue
		}
		for _, h := range p.HttpGet.HttpHeaders {
			h.Value = fingerprint(h.Value)
		}
	}
}

func fingerprint(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:6])
}
