package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

func (f *fake) CreateWatch(_ context.Context, w rollout.Watch) error {
	f.sent = append(f.sent, fmt.Sprintf("create watch %+v", w))
	return cmp.Or(f.refuse, f.err)
}

func (f *fake) Watches(context.Context) ([]client.Watching, error) { return f.watching, f.err }

func (f *fake) DescribeWatch(_ context.Context, name string) (client.Watching, error) {
	for _, w := range f.watching {
		if w.Name == name {
			return w, f.err
		}
	}
	return client.Watching{}, &rollout.Error{
		Op: "describe watch", On: name, Kind: rollout.NotFound, Err: errors.New("it does not exist"), Fix: "serin watch list",
	}
}

func (f *fake) PauseWatch(_ context.Context, name string, paused bool, note string) error {
	f.sent = append(f.sent, fmt.Sprintf("pause watch %s %v %q", name, paused, note))
	return cmp.Or(f.refuse, f.err)
}

func (f *fake) DeleteWatch(_ context.Context, name string) error {
	f.sent = append(f.sent, "delete watch "+name)
	return cmp.Or(f.refuse, f.err)
}

// lookedAt are two watches: one whose newest pass has found three services, one without a pass.
func lookedAt() []client.Watching {
	w := client.Watching{
		Watch: rollout.Watch{
			Name: "gradual", Project: "shop", Regions: []string{"europe-west1", "us-east1"}, Label: "rollout-strategy=gradual",
			Pipeline: "gradual", MinRequests: 100, TaskQueue: "serin", Every: time.Minute, Actor: "ada",
		},
		Last: start(), Next: start().Add(time.Minute),
	}
	service := func(location, name, serves string) rollout.WatchedService {
		return rollout.WatchedService{
			Location: "projects/shop/locations/" + location, Service: name, Serving: rollout.Split{{Revision: serves, Percent: 100}}, Says: serves + " serves",
		}
	}
	cart, bill := service("europe-west1", "cart", "cart-00001-abc"), service("us-east1", "bill", "bill-00007-xyz")
	cart.Pipeline, cart.Release = "gradual-cart-europe-west1", "cart-00002-def"
	cart.Serving = rollout.Split{{Revision: "cart-00001-abc", Percent: 80}, {Revision: "cart-00002-def", Percent: 20}}
	cart.Says = "cart-00002-def has 20%"
	bill.Error, bill.Failed = "adopt revision bill-00008-uvw: service bill belongs to pipeline billing", start()
	bill.Says = "bill-00008-uvw could not be made a release"
	w.Status = &rollout.WatchStatus{Watch: w.Watch, Started: start(), Ended: start(), Services: []rollout.WatchedService{
		cart, service("europe-west1", "shop", "shop-00003-ghi"), bill,
	}, Failures: []string{"projects/shop/locations/us-east1: cloudRun: list services: 403"}}
	paused := client.Watching{Watch: rollout.Watch{Name: "old"}, Paused: true, Note: "paused by ada: incident"}
	return []client.Watching{w, paused}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	const content = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: gradual}
serialPipeline:
  stages:
  - targetId: run
    strategy:
      canary:
        runtimeConfig: {cloudRun: {automaticTrafficControl: true}}
        canaryDeployment:
          percentages: [5]
          analysis: {duration: 600s, prometheus: {address: "http://prometheus:9090", checks: [{id: up, query: up, min: 1}]}}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: run}
run: {location: projects/shop/locations/europe-west1}
taskQueue: europe
`
	serin := func(content string) *fake {
		return &fake{
			index: rollout.Index{Entries: []rollout.Entry{{Kind: pipeline.KindDeliveryPipeline, Name: "gradual", Digest: "sha256:gradual"}}},
			store: &memory{has: map[string]string{"sha256:gradual": content}},
		}
	}
	looks := func() *fake {
		return &fake{watching: lookedAt(), lanes: []rollout.LaneStatus{{
			Pipeline: "gradual-cart-europe-west1", Target: "gradual-cart-europe-west1", Records: []rollout.Record{
				{Rollout: "cart-00002-def-to-gradual-cart-europe-west1-0001", State: rollout.StateInProgress},
			},
		}}}
	}
	taken := serin(content)
	taken.refuse = &rollout.Error{Op: "create watch", On: "gradual", Kind: rollout.Conflict, Err: errors.New("there is a watch of that name already")}
	env := map[string]string{"USER": "ada"}
	const create = "watch create --project shop --regions us-east1,europe-west1 --label rollout-strategy=gradual --min-requests 100"
	check(t, []command{
		{name: "watch-create", args: create + " --pipeline gradual", env: env, serin: serin(content)},
		{name: "watch-create-named", args: create + " --pipeline gradual --name mine --every 5m --output json", env: env, serin: serin(content)},
		{name: "watch-create-taken", args: create + " --pipeline gradual", env: env, serin: taken},
		{name: "watch-create-unfit", args: create + " --pipeline gradual", env: env, serin: serin(strings.Replace(content, "duration: 600s", "duration: 600s, onInconclusive: pass", 1))},
		{name: "watch-create-unknown", args: create + " --pipeline gardual", env: env, serin: serin(content)},
		{name: "watch-create-missing", args: "watch create --pipeline gradual"},
		{name: "watch-create-none", args: strings.Replace(create, "100", "0", 1) + " --pipeline gradual"},
		{name: "watch-create-bad-name", args: create + " --pipeline gradual --name No"},
		{name: "watch-create-bad-region", args: strings.Replace(create, "us-east1,", "us-east1,,", 1) + " --pipeline gradual"},
		{name: "watch-list", args: "watch list", serin: looks()},
		{name: "watch-list-json", args: "watch list --output json", serin: &fake{watching: []client.Watching{}}},
		{name: "watch-describe", args: "watch describe --name gradual", serin: looks()},
		{name: "watch-describe-json", args: "watch describe --name gradual --output json", serin: looks()},
		{name: "watch-describe-new", args: "watch describe --name old", serin: looks()},
		{name: "watch-describe-unknown", args: "watch describe --name nothing", serin: looks()},
		{name: "watch-pause", args: "watch pause --name gradual --reason incident", env: env, serin: looks()},
		{name: "watch-resume", args: "watch resume --name gradual --output json", env: env, serin: looks()},
		{name: "watch-delete", args: "watch delete --name gradual --yes", serin: looks()},
		{name: "watch-delete-unasked", args: "watch delete --name gradual", serin: looks()},
	})
}
