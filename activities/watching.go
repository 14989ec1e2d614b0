package activities

import "github.com/serin-dev/serin/rollout"

// Names of the activities of a watch. Discover runs on the watch's task queue, whose workers reach
// the project; Adopt on that of the workflows.
const (
	Discover = "Discover" // DiscoverRequest -> DiscoverResult
	Adopt    = "Adopt"    // AdoptRequest -> AdoptResult
)

// DiscoverRequest asks for the services of a location that carry a label.
type DiscoverRequest struct {
	Location string `json:"location"` // "projects/P/locations/L"
	Endpoint string `json:"endpoint,omitempty"`
	Label    string `json:"label"` // "key=value"
}

// DiscoverResult is the answer, by name.
type DiscoverResult struct {
	Services []rollout.FoundService `json:"services,omitempty"`
}

// AdoptRequest asks for a release of the revision that Service.Ready names.
type AdoptRequest struct {
	Watch   rollout.Watch        `json:"watch"`
	Service rollout.FoundService `json:"service"`
}

// AdoptResult says which release there is now.
type AdoptResult struct {
	Pipeline string `json:"pipeline"`
	Release  string `json:"release"`
	Made     bool   `json:"made"` // by this pass; otherwise it was there already
}
