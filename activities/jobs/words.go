package jobs

import (
	"errors"
	"fmt"

	"github.com/serin-dev/serin/activities"
)

// fill replaces what a check may hold. To name what has no value here is an error, not an
// empty word.
func (at place) fill(text string) (string, error) {
	w := at.request.Work
	service := ""
	switch {
	case w.Kubernetes != nil:
		service = w.Kubernetes.Service
	case w.CloudRun != nil:
		service = w.CloudRun.Service
	}
	values := map[string]string{
		"CanaryURL": at.canary, "Service": service, "Release": w.Release, "Target": w.Target.Name, "Phase": w.Phase,
	}
	return activities.Fill(text, func(function, word string) (string, error) {
		value, known := values[word]
		switch {
		case !known || function != "":
			return "", errors.New(" is not known: known are {{.CanaryURL}}, {{.Service}}, {{.Release}}, {{.Target}}, {{.Phase}}")
		case value == "" && word == "CanaryURL":
			return "", fmt.Errorf(" has no value in %s: %s", w.Phase, noCanary(w))
		case value == "":
			return "", errors.New(" has no value for this release")
		}
		return value, nil
	})
}

// noCanary says why no address reaches only the canary of w, and what would make one. An answer of
// the service says nothing about the canary.
func noCanary(w activities.Work) string {
	switch {
	case w.CloudRun != nil && w.Custom:
		return "the manifest itself shapes the traffic: give the address by its tag"
	case w.CloudRun != nil && len(w.CloudRun.CanaryTags) == 0 && !w.Promotion:
		return "no address reaches only the canary: add canaryRevisionTags to runtimeConfig.cloudRun"
	case w.CloudRun != nil:
		return "Cloud Run tells no address of the service"
	case w.Kubernetes != nil && w.Kubernetes.Pods != nil:
		return "with serviceNetworking one Service reaches both versions: use gatewayServiceMesh or ingress, or verify with tasks"
	}
	return "there is no Service of the release: give the address itself"
}
