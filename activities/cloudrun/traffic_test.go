package cloudrun

import (
	"testing"

	run "google.golang.org/api/run/v2"
)

func TestFollowsLatest(t *testing.T) {
	t.Parallel()
	type list = []*run.GoogleCloudRunV2TrafficTarget
	named := &run.GoogleCloudRunV2TrafficTarget{Type: typeRevision, Revision: "shop-1", Percent: 100}
	for name, c := range map[string]struct {
		traffic list
		want    bool
	}{
		"nothing means all to latest": {nil, true},
		"named":                       {list{named}, false},
		"a tag on latest":             {list{named, {Type: typeLatest, Tag: "newest"}}, true},
		"no type":                     {list{{Percent: 100}}, true},
	} {
		if got := followsLatest(&run.GoogleCloudRunV2Service{Traffic: c.traffic}); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// While a service is being created nothing is known of what LATEST stands for.
func TestServingWithoutALatestRevision(t *testing.T) {
	t.Parallel()
	svc := &run.GoogleCloudRunV2Service{
		TrafficStatuses: []*run.GoogleCloudRunV2TrafficTargetStatus{{Type: typeLatest, Percent: 100}},
	}
	if got := serving(svc); len(got) > 0 {
		t.Errorf("split is %s, want nothing", got)
	}
	svc.LatestReadyRevision = "projects/p/locations/l/services/shop/revisions/shop-1"
	if got := serving(svc); got.Of("shop-1") != 100 {
		t.Errorf("split is %s, want shop-1", got)
	}
}
