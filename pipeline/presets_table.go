package pipeline

// Parts of selectors. $suffix stands for what follows the name of an original.
const (
	service    = `{{regex .Service}}$suffix`
	namespace  = `{{regex .Namespace}}`
	canaryPods = `$namespace="{{.Namespace}}",$pod=~"{{regex .Canary}}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"`
)

// cloudRunProvider is the provider of every location of Cloud Run, and of nothing else.
const cloudRunProvider = "cloudRun"

// providers are Flagger's, with its series (docs.flagger.app/usage/metrics), and Cloud Run.
func providers() []provider {
	return append(meshes(), append(gateways(), provider{
		// cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run, as PromQL has it
		name: cloudRunProvider,
		labels: [][2]string{
			{"location", "location"}, {"service", "service_name"}, {"revision", "revision_name"}, {"code", "response_code_class"},
		},
		requests: "run_googleapis_com:request_count", good: `$code!="5xx"`,
		selector: `$location="$at",$service="{{.Service}}",$revision="{{.Canary}}"`,
		bucket:   "run_googleapis_com:request_latencies_bucket",
	})...)
}

// envoy has the series of Envoy's clusters.
func envoy(name, selector string, labels ...[2]string) provider {
	return provider{
		name: name, labels: append(labels, [2]string{"code", "envoy_response_code"}), selector: selector,
		requests: "envoy_cluster_upstream_rq", good: `$code!~"5.*"`, bucket: "envoy_cluster_upstream_rq_time_bucket",
	}
}

// application has the series of a service that exports them itself.
func application(name string) provider {
	return provider{
		name:     name,
		labels:   [][2]string{{"namespace", "kubernetes_namespace"}, {"pod", "kubernetes_pod_name"}, {"code", "status"}},
		requests: "http_request_duration_seconds_count", selector: canaryPods, good: `$code!~"5.*"`,
		bucket: "http_request_duration_seconds_bucket", millis: 1000,
	}
}

// istio has the series of Istio's proxies, as the reporter counts them: the proxy of the pods,
// or where they have none the gateway before them.
func istio(name, reporter string) provider {
	return provider{
		name: name,
		labels: [][2]string{
			{"namespace", "destination_workload_namespace"}, {"workload", "destination_workload"}, {"code", "response_code"},
		},
		requests: "istio_requests_total", good: `$code!~"5.*"`, bucket: "istio_request_duration_milliseconds_bucket",
		selector: `reporter="` + reporter + `",$namespace="{{.Namespace}}",$workload="{{.Canary}}"`,
	}
}

func meshes() []provider {
	return []provider{
		envoy("appmesh", canaryPods, [2]string{"namespace", "kubernetes_namespace"}, [2]string{"pod", "kubernetes_pod_name"}),
		istio("istio", "destination"),
		istio("istioGateway", "source"),
		envoy("knative", `$cluster="{{.Namespace}}/{{.Canary}}"`, [2]string{"cluster", "envoy_cluster_name"}),
		envoy("kuma", `$service=~"`+service+`_`+namespace+`_svc_[0-9a-zA-Z-]+"`, [2]string{"service", "service"}),
		{
			name:     "linkerd",
			labels:   [][2]string{{"namespace", "namespace"}, {"workload", "deployment"}, {"code", "classification"}},
			requests: "response_total", good: `$code!="failure"`, bucket: "response_latency_ms_bucket",
			selector: `$namespace="{{.Namespace}}",$workload="{{.Canary}}",direction="inbound"`,
		},
		{
			name: "osm",
			labels: [][2]string{
				{"namespace", "destination_namespace"}, {"workload", "destination_name"}, {"code", "response_code"},
			},
			requests: "osm_request_total", good: `$code!~"5.*"`, bucket: "osm_request_duration_ms_bucket",
			selector: `$namespace="{{.Namespace}}",destination_kind="Deployment",$workload="{{.Canary}}"`,
		},
	}
}

func gateways() []provider {
	cluster := [2]string{"cluster", "envoy_cluster_name"}
	apisix := `$route=~"` + namespace + `_.+-` + service + `_.+"`
	traefik := `$service=~"` + namespace + `-` + service + `-(https?-|grpc-)?[0-9]+@kubernetes(crd|gateway)"`
	skipper := `$route=~"kube(ew)?_{{snake .Namespace}}__.+$_suffix__.*__{{snake .Service}}$_suffix(_[0-9]+)?"`
	return []provider{
		{
			name:     "apisix",
			labels:   [][2]string{{"route", "route"}, {"code", "code"}},
			requests: "apisix_http_status", good: `$code!~"5.."`, selector: apisix,
			bucket: "apisix_http_latency_bucket", timing: `type=~"request",` + apisix,
		},
		envoy("contour", `$cluster=~"`+namespace+`_`+service+`_[0-9a-zA-Z-]+"`, cluster),
		application("gatewayapi"),
		envoy("gloo", `$cluster=~"`+namespace+`-`+service+`-[0-9]+_[0-9a-zA-Z-]+"`, cluster),
		application("kubernetes"),
		{
			name: "nginx",
			labels: [][2]string{
				{"namespace", "namespace"}, {"service", "service"}, {"canary", "canary"}, {"code", "status"},
			},
			requests: "nginx_ingress_controller_requests", good: `$code!~"5.*"`, millis: 1000,
			sum: "nginx_ingress_controller_response_duration_seconds_sum", count: "nginx_ingress_controller_response_duration_seconds_count",
			selector: `$namespace="{{.Namespace}}",$service="{{.Service}}",$canary$taken""`,
		},
		{
			name:     "skipper",
			labels:   [][2]string{{"route", "route"}, {"code", "code"}},
			requests: "skipper_response_duration_seconds_bucket", good: `$code!~"5.."`, millis: 1000,
			sum: "skipper_serve_route_duration_seconds_sum", count: "skipper_serve_route_duration_seconds_count",
			selector: skipper + `,le="+Inf"`, timing: skipper,
		},
		{
			name:     "traefik",
			labels:   [][2]string{{"service", "service"}, {"code", "code"}},
			requests: "traefik_service_request_duration_seconds_bucket", good: `$code!~"5.."`, millis: 1000,
			bucket:   "traefik_service_request_duration_seconds_bucket",
			selector: traefik + `,le="+Inf"`, timing: traefik,
		},
	}
}
