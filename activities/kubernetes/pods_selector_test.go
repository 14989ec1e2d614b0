package kubernetes

import (
	"maps"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestNarrowing(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		selector, pods map[string]any
		want           map[string]string // the selector after it
		err            string
	}{
		{
			name: "the canary is selected already", selector: map[string]any{"app": "shop"},
			pods: map[string]any{"app": "shop", "serin.dev/track": "canary"}, want: map[string]string{"app": "shop"},
		}, {
			name: "a label that it lacks", selector: map[string]any{"app": "shop", "version": "1"},
			pods: map[string]any{"app": "shop"}, want: map[string]string{"app": "shop"},
		}, {
			name: "a value that it has not", selector: map[string]any{"app": "shop", "track": "stable"},
			pods: map[string]any{"app": "shop", "track": "canary"}, want: map[string]string{"app": "shop"},
		}, {
			name: "not by the label", selector: map[string]any{"name": "shop"}, pods: map[string]any{"app": "shop"},
			err: "the selector of service web has no label app by which it could select the canary",
		}, {
			name: "the label differs", selector: map[string]any{"app": "shop"}, pods: map[string]any{"app": "cart"},
			err: `service web selects app=shop, but the canary's pods have app="cart"`,
		}, {
			name: "no selector", pods: map[string]any{"app": "shop"},
			err: "the selector of service web has no label app by which it could select the canary",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			svc := live("v1", "Service", "web", map[string]any{"selector": row.selector})
			canary := live("apps/v1", "Deployment", "shop-canary", deploymentSpec(0, row.pods))
			ops, err := narrowing(svc, "app", templateLabels(canary))
			if err != nil || row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Errorf("error is %v, want %s", err, row.err)
				}
				return
			}
			now, err := applyPatch(svc, ops)
			if err != nil || !maps.Equal(serviceSelector(now), row.want) || narrowed(now) != (len(ops) > 0) {
				t.Fatalf("it selects %v, %v, want %v", serviceSelector(now), err, row.want)
			}
			if ops, err = narrowing(now, "app", templateLabels(canary)); err != nil || len(ops) > 0 {
				t.Errorf("narrowed again: %v, %v", ops, err)
			}
			ops, err = widening(now)
			if err != nil {
				t.Fatal(err)
			}
			if now, err = applyPatch(now, ops); err != nil || sum(now.Object) != sum(svc.Object) {
				t.Errorf("put back, it is %v, %v", now.Object, err)
			}
		})
	}
}

func TestWideningKeepsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	svc := live("v1", "Service", "web", map[string]any{"selector": map[string]any{"app": "cart"}})
	svc.SetAnnotations(map[string]string{annotationSelector: `{"app":"shop","tier":"web"}`})
	ops, err := widening(svc)
	if err != nil {
		t.Fatal(err)
	}
	now, err := applyPatch(svc, ops)
	if err != nil || !maps.Equal(serviceSelector(now), map[string]string{"app": "cart"}) || narrowed(now) {
		t.Errorf("it is %v, %v, want somebody's selector", now.Object, err)
	}
	svc.SetAnnotations(map[string]string{annotationSelector: `shop`})
	if _, err = widening(svc); err == nil {
		t.Error("what was kept cannot be read, and nobody says so")
	}
}

func TestPodProblems(t *testing.T) {
	t.Parallel()
	labels := map[string]any{"app": "shop", "tier": "web"}
	site := func(replicas int, canary map[string]any) podSite {
		return podSite{
			original: live("apps/v1", "Deployment", "shop", deploymentSpec(replicas, labels)),
			service:  live("v1", "Service", "web", map[string]any{"selector": labels}),
			canary:   live("apps/v1", "Deployment", "shop-canary", deploymentSpec(0, canary)),
		}
	}
	scaled := site(3, labels)
	scaled.scaled = true
	apart := site(3, labels)
	apart.service = live("v1", "Service", "web", map[string]any{"selector": map[string]any{"app": "cart"}})
	for _, row := range []struct {
		name     string
		constant bool
		site     podSite
		want     []string
	}{
		{name: "fine", site: site(3, labels)},
		{name: "the Service will be narrowed", site: site(3, map[string]any{"app": "shop"})},
		{name: "nothing serves yet", site: podSite{}},
		{name: "scaled beside a canary", site: scaled},
		{
			name: "scaled and divided", constant: true, site: scaled,
			want: []string{"deployment/shop: an autoscaler scales it, and would undo what disablePodOverprovisioning takes from it: use one of both"},
		},
		{
			name: "no pods", site: site(0, labels),
			want: []string{"deployment/shop: it has no pods, so no number of canary pods is a share of them: scale it up, or let nothing serve yet"},
		},
		{name: "an earlier rollout has divided all of them", constant: true, site: site(0, labels)},
		{
			name: "the Service is another one's", site: apart,
			want: []string{
				"service/web: it does not select the pods of deployment shop",
				`service/web: service web selects app=cart, but the canary's pods have app="shop"`,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			k := rollout.Kubernetes{Deployment: "shop", Service: "web", SelectorLabel: "app", Pods: &rollout.Pods{Constant: row.constant}}
			got := podProblems(k, row.site)
			if len(got) != len(row.want) {
				t.Fatalf("got %v, want %v", got, row.want)
			}
			for i := range got {
				if got[i].String() != row.want[i] {
					t.Errorf("got %q, want %q", got[i], row.want[i])
				}
			}
		})
	}
}

// TestPodsOfAnEarlierRollout settles what a rollout with a constant total has left, before
// one without.
func TestPodsOfAnEarlierRollout(t *testing.T) {
	t.Parallel()
	p := podScene{
		original: live("apps/v1", "Deployment", "shop", deploymentSpec(1, nil)),
		canary:   live("apps/v1", "Deployment", "shop-canary", deploymentSpec(3, nil)),
		state:    podState{original: pods(1), canary: pods(3), weight: 75},
	}
	p.canary.SetAnnotations(map[string]string{annotationTotal: "4", annotationWeight: "75"})
	total := undivided(p.original, p.canary)
	list := p.toward(0, rollout.Pods{}, total)
	if total != 4 || len(list) != 2 || len(list[0].ops) != 2 || list[0].ops[1].Value != 4 || len(list[1].ops) > 0 {
		t.Errorf("of %d pods it writes %+v, want the original to grow to 4 first", total, list)
	}
}
