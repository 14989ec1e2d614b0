package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// WorkflowWatch is the workflow type of one pass of a watch: Watch -> WatchStatus.
const WorkflowWatch = "Watch"

// WatchID returns the id of the schedule that is the watch of this name. Those of its passes begin
// with it.
func WatchID(name string) string { return "watch/" + name }

// Watch says which services of Cloud Run are looked after, and how. Each revision that somebody
// deploys to one of them without traffic becomes a release.
type Watch struct {
	Name        string   `json:"name"`
	Project     string   `json:"project"`
	Regions     []string `json:"regions"`
	Label       string   `json:"label"`       // "key=value", of services
	Pipeline    string   `json:"pipeline"`    // whose phases a revision goes through
	MinRequests int      `json:"minRequests"` // to a revision, within the interval of a check, that one sample needs; above 0
	Endpoint    string   `json:"endpoint,omitempty"`
	TaskQueue   string   `json:"taskQueue"` // of the workers that reach the project

	Every time.Duration `json:"every"` // between two passes
	Actor string        `json:"actor,omitempty"`
}

// Location returns "projects/P/locations/REGION".
func (w Watch) Location(region string) string {
	return "projects/" + w.Project + "/locations/" + region
}

// FoundService is what the platform says of a service that is looked after.
type FoundService struct {
	Location string `json:"location"`
	Service  string `json:"service"`
	Split    Split  `json:"split,omitempty"` // what serves; empty: nothing
	Ready    string `json:"ready,omitempty"` // the newest revision that is ready; "" is none
	Made     string `json:"made,omitempty"`  // the newest revision, where it is another: not ready, or not yet
	Owner    string `json:"owner,omitempty"` // the pipeline whose stamp the service carries

	// Images are the containers of Ready, where it serves nothing.
	Images []FoundImage `json:"images,omitempty"`
}

// FoundImage is one container of a revision.
type FoundImage struct {
	Name  string `json:"name,omitempty"`
	Image string `json:"image"`
}

// Candidate returns the revision that could become a release: the newest ready one, while it
// receives nothing and others receive everything. Otherwise it is "". Says is what there is.
func (f FoundService) Candidate() (revision, says string) {
	late := ""
	if f.Made != "" && f.Made != f.Ready {
		late = "; " + f.Made + " is not ready"
	}
	switch weight := f.Split.Of(f.Ready); {
	case len(f.Split.Serving()) == 0:
		return "", "it serves nothing: its first revision has no other to be compared with, so give it the traffic" + late
	case f.Ready == "":
		return "", "no revision is ready" + late
	case weight == 100:
		return "", f.Ready + " serves" + late
	case weight > 0:
		return "", fmt.Sprintf("%s has %d%%", f.Ready, weight) + late
	}
	return f.Ready, f.Ready + " has no traffic" + late
}

// WatchStatus is what a pass of a watch has found and done: its result, and the answer to
// QueryState while it runs.
type WatchStatus struct {
	Watch    Watch            `json:"watch"`
	Started  time.Time        `json:"started,omitzero"`
	Ended    time.Time        `json:"ended,omitzero"`     // zero while it runs
	Failures []string         `json:"failures,omitempty"` // regions that could not be asked, and why
	Services []WatchedService `json:"services,omitempty"` // by location and name
}

// WatchedService is where one service stands.
type WatchedService struct {
	Location string `json:"location"`
	Service  string `json:"service"`
	Pipeline string `json:"pipeline,omitempty"` // that its releases are of, and the name of its target; "" while it had none
	Serving  Split  `json:"serving,omitempty"`
	Release  string `json:"release,omitempty"` // the newest that was made of it; "" is none
	Says     string `json:"says"`              // what was done, or why nothing

	// Error is what went wrong last, and Failed when; both stay until a pass does something for the
	// service.
	Error  string    `json:"error,omitempty"`
	Failed time.Time `json:"failed,omitzero"`

	// Served are revisions that were seen with requests, the newest first: one of them that has none
	// any more was taken back by somebody.
	Served []string `json:"served,omitempty"`
}

// keptServed bounds what is remembered of a service.
const keptServed = 5

// Service returns what is known of a service, or nil.
func (s *WatchStatus) Service(location, name string) *WatchedService {
	for i := range s.Services {
		if s.Services[i].Location == location && s.Services[i].Service == name {
			return &s.Services[i]
		}
	}
	return nil
}

// Sort brings the services in order.
func (s *WatchStatus) Sort() {
	slices.SortFunc(s.Services, func(a, b WatchedService) int {
		return cmp.Or(strings.Compare(a.Location, b.Location), strings.Compare(a.Service, b.Service))
	})
}

// Seen takes over what the platform says, and returns the revision that is to become a release, or
// "". One that has had requests before is not: somebody took it back, and that stays so.
func (w *WatchedService) Seen(f FoundService) string {
	before := w.Served
	w.Serving = f.Split.Serving()
	for _, share := range w.Serving {
		w.Served = slices.DeleteFunc(slices.Clone(w.Served), func(old string) bool { return old == share.Revision })
		w.Served = slices.Insert(w.Served, 0, share.Revision)
	}
	w.Served = w.Served[:min(keptServed, len(w.Served))]
	revision, says := f.Candidate()
	w.Says = says
	switch {
	case revision == "":
		return ""
	case revision == w.Release:
		w.Says += "; it is a release already"
		return ""
	case slices.Contains(before, revision):
		w.Says += "; it had some before, and somebody took it away"
		return ""
	}
	return revision
}
