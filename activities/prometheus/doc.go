// Package prometheus measures with instant queries of the Prometheus HTTP API: Prometheus itself,
// what speaks its API, and Cloud Monitoring's PromQL endpoint.
package prometheus
