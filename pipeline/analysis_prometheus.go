package pipeline

// Prometheus is a server of metrics and what it is asked. Whatever speaks its
// HTTP API will do, such as Cloud Monitoring at
// https://monitoring.googleapis.com/v1/projects/PROJECT/location/global/prometheus.
type Prometheus struct {
	// Address is the server's root, as the target's workers reach it.
	Address string `yaml:"address" rule:"required,length=2048"`
	// Headers of every request, such as X-Scope-OrgID. Credentials belong to
	// auth.
	Headers map[string]string `yaml:"headers,omitempty"`
	// Auth says where the workers find credentials.
	Auth *MetricsAuth `yaml:"auth,omitempty" rule:"default=none"`
	// Timeout is how long one query may take.
	Timeout Wait `yaml:"timeout,omitempty" rule:"duration=100ms..2m,default=10s"`
	// Checks are the queries, and which answers are good.
	Checks []MetricCheck `yaml:"checks" rule:"required,items=1..50"`
	// Judge weighs the checks that compare.
	Judge *Judge `yaml:"judge,omitempty"`
}

// MetricsAuth says where the workers find credentials; none is ever written here.
// Exactly one of its keys is given.
type MetricsAuth struct {
	// Basic is a user and a password.
	Basic *BasicAuth `yaml:"basic,omitempty"`
	// Bearer is a token.
	Bearer *SecretReference `yaml:"bearer,omitempty"`
	// Google is true for tokens of the worker's Application Default Credentials.
	Google bool `yaml:"google,omitempty" rule:"default=false"`
}

// BasicAuth is a user and a password.
type BasicAuth struct {
	// Username is the name of the user.
	Username string `yaml:"username" rule:"required,length=256"`
	// Password is where the password is found.
	Password SecretReference `yaml:"password" rule:"required"`
}

// SecretReference says where a worker finds a secret: exactly one of its keys is given.
type SecretReference struct {
	// Env is a variable of the worker whose name begins with SERIN_SECRET_.
	Env string `yaml:"env,omitempty" rule:"length=256"`
	// File is a path below the worker's folder SERIN_SECRETS.
	File string `yaml:"file,omitempty" rule:"length=1024"`
}

// MetricCheck is one query that is asked again and again. It has exactly one of
// query and preset, and min, max or compare.
type MetricCheck struct {
	// ID names the check, unique in the analysis.
	ID string `yaml:"id" rule:"required,id"`
	// Query is PromQL with one value for an answer. It may hold {{.Canary}} and
	// {{.Stable}} (names of Deployments; on Cloud Run of revisions),
	// {{.Service}}, {{.Namespace}} and {{.Interval}}, and within a regular
	// expression {{regex .Canary}}.
	Query string `yaml:"query,omitempty" rule:"length=8192"`
	// Preset is a query that Serin knows: request-success-rate is in percent,
	// from 0 to 100; request-duration is in milliseconds, the 99th percentile, or
	// the mean where the provider nginx or skipper exports no more.
	Preset string `yaml:"preset,omitempty" rule:"enum=request-success-rate|request-duration"`
	// Provider is who exports the series of the preset.
	Provider string `yaml:"provider,omitempty" rule:"enum=apisix|appmesh|cloudRun|contour|gatewayapi|gloo|istio|istioGateway|knative|kubernetes|kuma|linkerd|nginx|osm|skipper|traefik"`
	// Labels map names of the preset, such as namespace, pod and code, to the
	// labels that your series have instead.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Interval is the time between two samples, and {{.Interval}} of the query.
	// A preset's rates need at least two values of each series within it: twice
	// the time between two scrapes, and 2m where Cloud Monitoring is asked.
	Interval Wait `yaml:"interval,omitempty" rule:"duration=1s..1h,default=30s"`
	// Warmup is how long nothing is asked at the beginning.
	Warmup Wait `yaml:"warmup,omitempty" rule:"duration=0s..48h,default=0s"`
	// Min is the smallest good value.
	Min *Number `yaml:"min,omitempty"`
	// Max is the largest good value.
	Max *Number `yaml:"max,omitempty"`
	// FailureLimit is how many samples may be bad; one more fails the check.
	FailureLimit int `yaml:"failureLimit,omitempty" rule:"range=0..172800,default=0"`
	// ConsecutiveFailureLimit is how many samples in a row may be bad; below
	// failureLimit.
	ConsecutiveFailureLimit int `yaml:"consecutiveFailureLimit,omitempty" rule:"range=1..172800,default=none"`
	// MinSamples is how many samples must have a value; fewer are inconclusive. By
	// default it is half of those that there can be: what was once good and then
	// told nothing more is not good.
	MinSamples int `yaml:"minSamples,omitempty" rule:"range=1..172800,default=half of the samples"`
	// Compare judges the samples by those of the stable version, at the end.
	Compare *Compare `yaml:"compare,omitempty"`
}

// Compare judges the canary's samples by those of the stable version, once at the
// end (Mann-Whitney U). The query is asked for both. Written as compare: stable it has
// its defaults.
type Compare struct {
	// To is the version to compare with.
	To string `yaml:"to" rule:"required,enum=stable"`
	// Direction says which difference is bad.
	Direction string `yaml:"direction,omitempty" rule:"enum=increase|decrease|either,default=that of the preset: decrease of request-success-rate and increase of request-duration; else either"`
	// Effect is the ratio of the means from which on a difference matters, at
	// least 1: at 1.25 a quarter more, or as much less.
	Effect *Number `yaml:"effect,omitempty" rule:"default=1"`
	// Critical fails the whole analysis with this check, whatever the others say.
	Critical bool `yaml:"critical,omitempty" rule:"default=false"`
	// NoData says what it means if there are no samples to compare: fail, or hold
	// for an inconclusive check.
	NoData string `yaml:"noData,omitempty" rule:"enum=fail|hold,default=hold"`
	// Group is the group of checks that this one is weighed in.
	Group string `yaml:"group,omitempty" rule:"id,default=a group of its own with the name of the check"`
	// Fresh compares with pods of the stable version that begin together with the
	// canary and are as many. Only on clusters, beside a canary by gatewayServiceMesh or
	// ingress, and not in a bake.
	Fresh bool `yaml:"fresh,omitempty" rule:"default=false"`
}

// Judge weighs groups of checks that compare. The score of a group is the share of its
// checks that pass, from 0 to 100, and the score of the analysis their weighted mean.
type Judge struct {
	// Confidence is how sure a difference must be, from 0.5 to below 1.
	Confidence *Number `yaml:"confidence,omitempty" rule:"default=0.98"`
	// Pass is the score from which on the analysis passes.
	Pass *Number `yaml:"pass,omitempty" rule:"default=95"`
	// Marginal is the score from which on the analysis is inconclusive; below it
	// it fails.
	Marginal *Number `yaml:"marginal,omitempty" rule:"default=75"`
	// Groups are weights of groups, 100 together. Groups without one share what is
	// left.
	Groups map[string]Number `yaml:"groups,omitempty" rule:"default=every group weighs the same"`
}

// compareStable is the only version to compare with.
const compareStable = "stable"
