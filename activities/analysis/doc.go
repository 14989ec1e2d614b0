// Package analysis watches a release while it gets its share of the requests: it asks servers of
// metrics and others again and again, and says whether the release passes. Nothing that it
// finds out is never taken for health.
//
// One Analyze is one activity, however long it takes. What it knows is in its heartbeats,
// so a history grows by no more than an outage.
package analysis
