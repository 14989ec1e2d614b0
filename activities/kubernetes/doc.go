// Package kubernetes is the provider for Kubernetes clusters.
//
// A release is a template of pods that carries the release's digest; its revision
// is named after a Deployment and that digest. A canary is a Deployment of its own
// beside the original, NAME-canary, and requests are split by a route of the Gateway API,
// by an NGINX ingress, or by the number of pods behind one Service. Manifests
// without a named Deployment are applied as they are.
//
// What it creates is written by server-side apply, as the field manager "serin".
// Of objects that others own it changes single fields, by a JSON patch that tests
// the version it has read. Reads come from watches that live while a rollout is
// active, so a wait costs no requests.
package kubernetes
