package pipeline_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// cart is a service that watch gradual takes through pipeline gradual.
func cart() pipeline.Watched {
	return pipeline.Watched{
		Watch: "gradual", Pipeline: "gradual", Service: "cart", Location: "projects/shop/locations/europe-west1",
		Endpoint: "http://127.0.0.1:8085", MinRequests: 100,
	}
}

// TestDerive: what follows ---- is the derived documents, or why there are none, then what a person
// should know.
func TestDerive(t *testing.T) {
	t.Parallel()
	golden(t, "watch", func(t *testing.T, f pipeline.File) string {
		t.Helper()
		c, err := pipeline.Load(f)
		if err != nil {
			t.Fatalf("a file of this folder must load:\n%v", err)
		}
		warnings, err := c.Watchable("gradual")
		if err != nil {
			return fmt.Sprintf("%s: %v", rollout.KindOf(err), err)
		}
		derived, err := c.Derive(cart())
		if err != nil {
			return fmt.Sprintf("%s: %v", rollout.KindOf(err), err)
		}
		out := string(written(t, derived))
		for _, w := range warnings {
			out += "warning: " + w + "\n"
		}
		if _, err = pipeline.Compile(derived, pipeline.Request{Pipeline: cart().Name(), Release: "cart-00002-abc"}); err != nil {
			out += err.Error()
		}
		return strings.TrimSpace(out)
	})
}

func written(t *testing.T, c *pipeline.Config) []byte {
	t.Helper()
	documents, err := c.Documents()
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]byte
	for _, d := range documents {
		parts = append(parts, d.Content)
	}
	return bytes.Join(parts, []byte("---\n"))
}

// gradual loads a pipeline to derive from, and more.
func gradual(t *testing.T, more ...[]byte) *pipeline.Config {
	t.Helper()
	c, err := pipeline.Load(pipeline.File{Name: "gradual.yaml", Content: bytes.Join(append([][]byte{[]byte(`apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: gradual}
serialPipeline:
  stages:
  - targetId: anywhere
    strategy:
      canary:
        runtimeConfig: {cloudRun: {automaticTrafficControl: true}}
        canaryDeployment:
          percentages: [5]
          advance: {mode: automatic}
          analysis:
            duration: 600s
            prometheus: {address: "http://prometheus:9090", checks: [{id: up, query: up, min: 1}]}
`)}, more...), []byte("---\n"))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDeriveAgain: what is derived is the same from then on, keeps what people have suspended, and
// takes over no other's name.
func TestDeriveAgain(t *testing.T) {
	t.Parallel()
	first, err := gradual(t).Derive(cart())
	if err != nil {
		t.Fatal(err)
	}
	content := written(t, first)
	again, err := gradual(t, content).Derive(cart())
	if err != nil || !bytes.Equal(written(t, again), content) {
		t.Errorf("derived again it is %v\n%s", err, written(t, again))
	}
	for _, row := range []struct {
		name, from, to string
		want           rollout.Kind
		text           string
	}{
		{"suspended by a person", "\nserialPipeline:", "\nsuspended: true\nserialPipeline:", rollout.Refused, "pipeline gradual-cart-europe-west1 is suspended"},
		{"of another watch", "serin-watch: gradual", "serin-watch: other", rollout.Conflict, "which is watch other of service cart"},
		{"of another service", "serin-service: cart", "serin-service: shop", rollout.Conflict, "which is watch gradual of service shop"},
		{"of nobody", "serin-watch: gradual", "team: web", rollout.Conflict, "which is nobody's watch"},
		{"elsewhere", "projects/shop/", "projects/other/", rollout.Conflict, "a Target of that name already, which is elsewhere"},
	} {
		changed := []byte(strings.Replace(string(content), row.from, row.to, 1))
		if bytes.Equal(changed, content) {
			t.Fatalf("%s: nothing to change in\n%s", row.name, content)
		}
		_, err := gradual(t, changed).Derive(cart())
		if rollout.KindOf(err) != row.want || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	if _, err := gradual(t).Watchable("nothing"); rollout.KindOf(err) != rollout.NotFound || !strings.Contains(err.Error(), "gradual") {
		t.Errorf("a pipeline that is not there: %v", err)
	}
	none := cart()
	none.MinRequests = 0
	if _, err := gradual(t).Derive(none); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("without a minimum: %v", err)
	}
}

func TestDerivedNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a-z]([a-z0-9-]{0,47}[a-z0-9])?`)
		w := pipeline.Watched{Pipeline: id.Draw(t, "pipeline"), Service: id.Draw(t, "service"), Location: "projects/p/locations/europe-west1"}
		name := w.Name()
		if !pipeline.IsID(name) || name != w.Name() {
			t.Fatalf("%q is no name", name)
		}
		if full := w.Pipeline + "-" + w.Service + "-europe-west1"; len(full) <= 63 && name != full {
			t.Fatalf("%q, want %q", name, full)
		}
		other := w
		other.Service = id.Draw(t, "other service")
		if other.Service != w.Service && other.Name() == name {
			t.Fatalf("%s and %s are both %q", w.Service, other.Service, name)
		}
	})
}
