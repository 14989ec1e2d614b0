package cloudruntest

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The names that Cloud Monitoring gives the metrics of Cloud Run in PromQL.
const (
	metricCount     = "run_googleapis_com:request_count"
	metricLatencies = "run_googleapis_com:request_latencies"
)

type metrics struct {
	registry  *prometheus.Registry
	count     *prometheus.CounterVec
	latencies *prometheus.HistogramVec
}

// labels say whose request it was.
type labels struct{ project, location, service, revision string }

func labelsOf(svc *service, revision string) labels {
	parts := strings.Split(svc.key(), "/") // projects/P/locations/L/services/S
	return labels{project: parts[1], location: parts[3], service: parts[5], revision: revision}
}

func newMetrics() *metrics {
	names := []string{
		"monitored_resource", "project_id", "location", "service_name", "configuration_name", "revision_name",
		"response_code", "response_code_class",
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricCount, Help: "Requests that reached a revision.",
		}, names),
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricLatencies, Help: "Time from a request to its response, in milliseconds.",
			Buckets: []float64{1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 10000, 30000, 60000},
		}, names),
	}
	m.registry.MustRegister(m.count, m.latencies)
	return m
}

func (m *metrics) observe(l labels, r Response) {
	values := []string{
		"cloud_run_revision", l.project, l.location, l.service, l.service, l.revision,
		strconv.Itoa(r.Code), class(r.Code),
	}
	m.count.WithLabelValues(values...).Inc()
	m.latencies.WithLabelValues(values...).Observe(float64(r.Latency) / float64(time.Millisecond))
}
