// Package cloudruntest emulates the Cloud Run Admin API v2 and the traffic of
// its services, in the manner of net/http/httptest. It keeps everything in
// memory, needs no credentials and is deterministic for a given seed.
//
// # What is emulated
//
// The API: create, get, list, patch and delete of services; get, list and delete
// of revisions; get, list, delete and wait of long-running operations, under
// /v2/projects/P/locations/L. Field masks, allowMissing, validateOnly and
// forceNewRevision; the naming rules of services, revisions and tags; refusals in
// the google.rpc error shape; page tokens; an etag that is ignored (as measured
// on the real service) or enforced.
//
// Reconciliation: each effective write makes a new generation, which settles
// after [Options.Latency]. A later write supersedes an earlier one. A new
// revision is ready when code is registered for its image (see [Server.Handle])
// and no failure is injected (see [Server.FailImage]). When it is not ready, the
// operation ends with an error, and trafficStatuses, observedGeneration and
// latestReadyRevision keep the last serving state.
//
// Traffic: a service answers at http://SERVICE-HASH.localhost:PORT, a tag at
// http://TAG---SERVICE-HASH.localhost:PORT. Requests are dealt to revisions by
// trafficStatuses from a shuffled deck of one hundred cards, so every hundred
// requests after a change of the split have exactly its shares, in an order that
// the seed decides.
//
// Metrics: /metrics exposes request_count and request_latencies of each revision
// under the names that Cloud Monitoring gives them in PromQL.
//
// Inspection: the request log, the history of every split, request counts per
// revision, faults and snapshots, as methods of [Server] and as JSON at /admin.
//
// # Choices where the real service is not documented
//
//   - A write that changes nothing returns a finished operation and no new
//     generation. While an earlier write is still being reconciled it returns an
//     operation that finishes together with it.
//   - Untagged entries of zero percent are dropped from traffic and its status.
//   - A missing traffic list is stored as 100 % LATEST.
//   - Traffic to a revision that does not exist is refused with 400.
//   - A template that names an existing revision of the same configuration makes
//     that revision the latest; another configuration is 409.
//   - A write of the split only is applied even when the latest created revision
//     is not ready: RoutesReady succeeds, its operation succeeds, and Ready stays
//     failed because ConfigurationsReady is.
//   - A superseding write evaluates every revision that is still pending.
//   - The NNNNN of SERVICE-NNNNN-xyz counts the revisions of the service.
//   - Deleting a revision that has traffic, a tag, or is the latest is refused.
//
// Not emulated: IAM policies, jobs, worker pools, instances and their scaling.
package cloudruntest
