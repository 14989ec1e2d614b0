// Package netns gives the cluster a network of its own: a network namespace in which
// every address of pods, gateway and API server is an address of the loopback device,
// and ways into it from the machine's network.
package netns

import "errors"

// Where things are inside the namespace.
const (
	// APIServer is where the API server listens. Kubernetes refuses loopback addresses here.
	APIServer = "10.63.0.1"
	// Pods is the network of the pods that really serve. All of it is local: any of
	// its addresses can be listened on without being added first.
	Pods = "10.64.0.0/16"
	// Gateway is where the gateway listens.
	Gateway = "10.65.0.1"
	// FakePods is the network of the pods that only pretend to run. Nothing is there:
	// a connection to it fails at once.
	FakePods = "10.66.0.1/16"
)

// ErrNotPermitted is wrapped by errors that say that this machine does not let this
// user make namespaces.
var ErrNotPermitted = errors.New("namespaces are not permitted here")
