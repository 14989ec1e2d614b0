package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Plane is the data plane: Caddy with one handler that looks every request up in the current table. Table and
// endpoints are replaced under running requests; Caddy itself is never reloaded. Caddy runs once in a process,
// and so does a Plane.
type Plane struct {
	address   string
	routing   atomic.Pointer[routing]
	endpoints atomic.Pointer[map[string][]string]
	turns     sync.Map // of *atomic.Uint64 by service: whose endpoint is next
}

// routing is a table together with the state of its weighted choices, by the rules' names.
type routing struct {
	table  Table
	wheels map[string]*wheel
}

// newPlane returns a plane that does not listen yet.
func newPlane() *Plane {
	p := &Plane{}
	p.routing.Store(&routing{})
	p.SetEndpoints(nil)
	return p
}

// StartPlane serves an empty table on listen, such as "10.65.0.1:80"; port 0 is a free port.
func StartPlane(listen string) (*Plane, error) {
	p := newPlane()
	// Caddy makes handlers by name only. The plane's own pointer makes a name that no other has.
	name := fmt.Sprintf("gateway_%p", p)
	caddy.RegisterModule(&front{id: caddy.ModuleID("http.handlers." + name), plane: p})
	type object = map[string]any
	config, err := json.Marshal(object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"level": "ERROR"}}},
		"apps": object{
			"tls": object{"disable_storage_check": true, "disable_storage_clean": true},
			"http": object{"grace_period": "10s", "servers": object{"gateway": object{
				"listen":          []string{listen},
				"protocols":       []string{"h1", "h2c"},
				"automatic_https": object{"disable": true},
				"routes":          []object{{"handle": []object{{"handler": name}}}},
			}}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: write the configuration of caddy: %w", err)
	}
	if err = caddy.Load(config, true); err != nil {
		return nil, fmt.Errorf("gateway: listen on %s: %w", listen, err)
	}
	p.address, err = servedAddress()
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func servedAddress() (string, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("http")
	if err != nil {
		return "", fmt.Errorf("gateway: find caddy's HTTP app: %w", err)
	}
	if app, ok := app.(*caddyhttp.App); ok {
		for _, l := range app.Servers["gateway"].Listeners() {
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("gateway: caddy runs and has no listener")
}

// Address is where the plane listens, with the port it got.
func (p *Plane) Address() string { return p.address }

// Stop lets running requests finish, for 10 seconds at most, and closes the listener.
func (p *Plane) Stop() error {
	if err := caddy.Stop(); err != nil {
		return fmt.Errorf("gateway: stop caddy: %w", err)
	}
	return nil
}

// SetTable makes t, sorted by precedence, what new requests are served by. A rule whose weights stay goes on with its
// choice where it was. SetTable must not be called at the same time as itself.
func (p *Plane) SetTable(t Table) {
	old := p.routing.Load().wheels
	next := &routing{table: sorted(append(Table(nil), t...)), wheels: map[string]*wheel{}}
	for _, r := range t {
		if w := old[r.Name]; w != nil && w.fits(r.Backends) {
			next.wheels[r.Name] = w
		} else if next.wheels[r.Name] == nil {
			next.wheels[r.Name] = newWheel(r.Backends)
		}
	}
	p.routing.Store(next)
}

// SetEndpoints makes these the ready endpoints, "address:port" by "namespace/name:port" of the service. A request
// that runs on an endpoint that is no longer there finishes.
func (p *Plane) SetEndpoints(e map[string][]string) {
	e = maps.Clone(e)
	p.endpoints.Store(&e)
}

// turn returns a number that is one larger for each request to service.
func (p *Plane) turn(service string) uint64 {
	n, _ := p.turns.LoadOrStore(service, new(atomic.Uint64))
	if n, ok := n.(*atomic.Uint64); ok {
		return n.Add(1)
	}
	return 0
}
