// Package cloudruntest emulates the Cloud Run Admin API v2, the traffic of its
// services and the containers of its jobs, in the manner of net/http/httptest. It keeps everything in
// memory, needs no credentials and is deterministic for a given seed.
//
// # What is emulated
//
// The API: create, get, list, patch and delete of services; get, list and delete
// of revisions; create, get, list, patch, delete and run of jobs; get, list, cancel and delete of
// their executions; get and list of tasks; get, list, delete and wait of long-running operations, under
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
// Jobs: an execution runs the code that [Server.HandleJob] registered for its image,
// a function or a process of this machine, with its command, arguments, variables,
// retries and timeout. What it writes are entries of Cloud Logging, which
// entries:list at the same address returns.
//
// Bad versions: [Server.Faulty] answers a share of errors, or slowly, as the
// variables ERROR_PERCENT and DELAY of a revision's container say.
//
// Minimum instances: scalingStatus of a revision that a share or a tag reaches has its
// template's minimum; of the others it has none.
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
//   - A job whose image has no code fails with CONTAINER_MISSING once it settles; running it all
//     the same makes an execution that fails with it too.
//   - Running a job that is not settled, and cancelling an execution that has ended, is 400
//     FAILED_PRECONDITION. The etag of a job changes when it is run.
//   - Deleting a job ends and deletes its executions.
//   - A container that a timeout or a cancel ends is not waited for, and what it writes from then
//     on is not logged.
//   - What ran when a snapshot was taken has failed with INTERNAL after Restore.
//
// Not emulated: IAM policies, overrides of executions, more than one task or container of a job,
// worker pools, instances and their scaling.
package cloudruntest
