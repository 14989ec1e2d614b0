// Package worker assembles a worker from its environment: the connection to
// Temporal, the artifact store, one provider for each runtime, health and metrics.
package worker
