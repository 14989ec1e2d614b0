package gateway

import (
	"log/slog"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"
	"sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"
)

// stand is a control whose time the test tells, over an API that knows no generations: the test counts them.
type stand struct {
	*control
	api *gatewayfake.Clientset
}

func newStand(t *testing.T, delay time.Duration) *stand {
	t.Helper()
	o := world(t)
	// NewClientset does not find the plural of Gateway, and of what NewSimpleClientset is given neither.
	api := gatewayfake.NewSimpleClientset(o.Classes[0], o.Classes[1])
	core := fake.NewClientset(o.Services[0], o.Services[1], o.Services[2])
	for _, g := range o.Gateways {
		if _, err := api.GatewayV1().Gateways(g.Namespace).Create(t.Context(), g, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s := &stand{api: api, control: &control{
		plane: newPlane(), delay: delay, address: "10.65.0.1", log: slog.New(slog.DiscardHandler),
		changed: make(chan struct{}, 1),
		objects: newWatch(informers.NewSharedInformerFactory(core, 0), externalversions.NewSharedInformerFactory(api, 0)),
		status:  &writer{api: api.GatewayV1(), now: func() time.Time { return time.Unix(1000, 0) }},
	}}
	if err := s.objects.start(t.Context(), s.changed); err != nil {
		t.Fatal(err)
	}
	<-s.changed
	return s
}

// route writes HTTPRoute shop/web of this generation and returns when the watch has it.
func (s *stand) route(t *testing.T, generation, weight int) {
	t.Helper()
	routes := s.api.GatewayV1().HTTPRoutes("shop")
	route := parse[gatewayv1.HTTPRoute](t, `
metadata: {namespace: shop, name: web}
spec: {parentRefs: [{name: ours, sectionName: http}], rules: [{backendRefs: [{name: web, port: 80}, {name: web-canary, port: 80}]}]}`)
	route.Generation = int64(generation)
	route.Spec.Rules[0].BackendRefs[1].Weight = new(int32(weight))
	var err error
	if generation == 1 {
		_, err = routes.Create(t.Context(), route, metav1.CreateOptions{})
	} else {
		old := s.written(t)
		route.Status = old.Status
		_, err = routes.Update(t.Context(), route, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		for _, r := range s.objects.routing().HTTPRoutes {
			if r.Generation == int64(generation) {
				return
			}
		}
		select {
		case <-s.changed:
		case <-t.Context().Done():
			t.Fatal("the route was not seen")
		}
	}
}

func (s *stand) written(t *testing.T) *gatewayv1.HTTPRoute {
	t.Helper()
	r, err := s.api.GatewayV1().HTTPRoutes("shop").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// check compares the canary's weight in the data plane and the generation in the route's status; -1 is none.
func (s *stand) check(t *testing.T, when string, weight, generation int64) {
	t.Helper()
	gotWeight, gotGeneration := int64(-1), int64(-1)
	if table := s.plane.routing.Load().table; len(table) > 0 {
		gotWeight = table[0].Backends[1].Weight
	}
	if parents := s.written(t).Status.Parents; len(parents) > 0 {
		gotGeneration = parents[0].Conditions[0].ObservedGeneration
	}
	if gotWeight != weight || gotGeneration != generation {
		t.Errorf("%s: weight %d served and generation %d in the status, want %d and %d", when, gotWeight, gotGeneration, weight, generation)
	}
}

func TestStatusFollowsTheDataPlane(t *testing.T) {
	t.Parallel()
	const delay = 3 * time.Second
	start := time.Unix(500, 0)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	s := newStand(t, delay)
	s.observe(at(0))
	s.step(t.Context(), at(0)) // the first is taken at once, without any route

	s.route(t, 1, 10)
	s.observe(at(1))
	if next, ok := s.step(t.Context(), at(1)); !ok || !next.Equal(at(4)) {
		t.Errorf("next step at %v (%t), want %v", next, ok, at(4))
	}
	s.check(t, "before the delay", -1, -1)

	s.route(t, 2, 20)
	s.observe(at(2))
	s.observe(at(2.5)) // nothing new
	s.step(t.Context(), at(3.9))
	s.check(t, "just before the first change", -1, -1)
	s.step(t.Context(), at(4))
	s.check(t, "after the first change", 10, 1)
	s.step(t.Context(), at(5))
	s.check(t, "after the second change", 20, 2)

	if next, ok := s.step(t.Context(), at(6)); ok {
		t.Errorf("a step at %v with nothing to do", next)
	}
}

func TestStatusIsWrittenOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, 0)
	s.route(t, 1, 10)
	now := time.Unix(500, 0)
	s.observe(now)
	s.step(t.Context(), now)
	s.check(t, "at once", 10, 1)
	updates := func() (n int) {
		for _, a := range s.api.Actions() {
			if a.GetVerb() == "update" && a.GetSubresource() == "status" {
				n++
			}
		}
		return n
	}
	if got := updates(); got != 3 { // class, Gateway and route
		t.Errorf("%d statuses written, want 3", got)
	}
	for s.objects.routing().HTTPRoutes[0].Status.Parents == nil {
		<-s.changed
	}
	s.observe(now)
	s.step(t.Context(), now)
	if got := updates(); got != 3 {
		t.Errorf("%d statuses written after nothing changed, want 3", got)
	}
}
