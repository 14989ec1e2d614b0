package pipeline

import "strings"

// Target is one destination of rollouts, or a list of them. It has exactly one
// of gke, anthosCluster, run, customTarget, multiTarget and kubernetes.
type Target struct {
	Envelope `yaml:",inline"`

	// GKE is a Google Kubernetes Engine cluster.
	GKE *GKECluster `yaml:"gke,omitempty"`
	// AnthosCluster is a cluster registered with a fleet.
	AnthosCluster *AnthosCluster `yaml:"anthosCluster,omitempty"`
	// Run is a location of Cloud Run.
	Run *CloudRunLocation `yaml:"run,omitempty"`
	// CustomTarget is a destination of a CustomTargetType.
	CustomTarget *CustomTarget `yaml:"customTarget,omitempty"`
	// MultiTarget is a list of targets that are rolled out to in parallel.
	MultiTarget *MultiTarget `yaml:"multiTarget,omitempty"`
	// Kubernetes is any cluster the worker can reach.
	Kubernetes *KubernetesCluster `yaml:"kubernetes,omitempty" rule:"extension"`

	// RequireApproval makes every rollout wait for an approval first.
	RequireApproval bool `yaml:"requireApproval,omitempty" rule:"default=false"`
	// Approval says whose approvals a rollout needs, and until when. Only
	// together with requireApproval.
	Approval *Approval `yaml:"approval,omitempty" rule:"extension,default=one approval of anybody at any time"`
	// DeployParameters are values for the manifests of this target: at most 50.
	DeployParameters map[string]string `yaml:"deployParameters,omitempty"`
	// AssociatedEntities are further clusters, by id, for routeDestinations.
	AssociatedEntities map[string]AssociatedEntities `yaml:"associatedEntities,omitempty"`
	// ExecutionConfigs say where jobs run. Without a list one default is used
	// for everything; a list covers at least RENDER and DEPLOY, and each usage
	// only once.
	ExecutionConfigs []ExecutionConfig `yaml:"executionConfigs,omitempty"`
	// TaskQueue is the Temporal task queue of the workers that reach this
	// target. That of a multi-target is for its children without one.
	TaskQueue string `yaml:"taskQueue,omitempty" rule:"extension,length=255,default=serin"`
}

// Approval says whose approvals a rollout needs, and until when.
type Approval struct {
	// ExpireAfter is how long a rollout waits for its approvals, from when it
	// was made. After that it is rejected.
	ExpireAfter Wait `yaml:"expireAfter,omitempty" rule:"duration=1m..,default=never"`
	// Approvers are the actors whose approval counts, as they name themselves
	// in commands.
	Approvers []string `yaml:"approvers,omitempty" rule:"unique,items=1..50,length=128,default=anybody"`
	// MinApprovals is how many different actors must approve; not above the
	// number of approvers.
	MinApprovals int `yaml:"minApprovals,omitempty" rule:"range=1..20,default=1"`
}

// GKECluster is a Google Kubernetes Engine cluster.
type GKECluster struct {
	// Cluster is the cluster's resource name.
	Cluster string `yaml:"cluster" rule:"required,format=projects/*/locations/*/clusters/*"`
	// InternalIP uses the private address of the control plane. Not together
	// with dnsEndpoint.
	InternalIP bool `yaml:"internalIp,omitempty" rule:"default=false"`
	// DNSEndpoint uses the DNS endpoint of the control plane.
	DNSEndpoint bool `yaml:"dnsEndpoint,omitempty" rule:"default=false"`
	// ProxyURL is a proxy to the control plane.
	ProxyURL string `yaml:"proxyUrl,omitempty"`
}

// AnthosCluster is a cluster registered with a fleet.
type AnthosCluster struct {
	// Membership is the resource name of the fleet membership.
	Membership string `yaml:"membership" rule:"required,format=projects/*/locations/*/memberships/*"`
}

// CloudRunLocation is where Cloud Run services live.
type CloudRunLocation struct {
	// Location is a project and a location.
	Location string `yaml:"location" rule:"required,format=projects/*/locations/*"`
	// Endpoint is the base URL of the Cloud Run API, for private endpoints and
	// emulators.
	Endpoint string `yaml:"endpoint,omitempty" rule:"extension,default=the public endpoint"`
}

// CustomTarget is a destination of a CustomTargetType.
type CustomTarget struct {
	// CustomTargetType is its id or full resource name.
	CustomTargetType string `yaml:"customTargetType" rule:"required,id,format=projects/*/locations/*/customTargetTypes/*"`
	// Kubernetes is the cluster in which the type's containers run. A release needs
	// this or run: there is no Cloud Build to run them.
	Kubernetes *KubernetesCluster `yaml:"kubernetes,omitempty" rule:"extension"`
	// Run is the location of Cloud Run at which the type's containers run, as jobs.
	Run *CloudRunLocation `yaml:"run,omitempty" rule:"extension"`
}

// ID is the bare id of the custom target type.
func (c CustomTarget) ID() string {
	return c.CustomTargetType[strings.LastIndex(c.CustomTargetType, "/")+1:]
}

// MultiTarget is a list of targets that are rolled out to in parallel.
type MultiTarget struct {
	// TargetIDs are the children: 1 to 100. A child is no multi-target, requires
	// no approval and is no stage of the same pipeline. All of them have one
	// runtime; under serin.dev/v1 they may be clusters and locations of Cloud
	// Run, and each gets the objects of its runtime.
	TargetIDs []string `yaml:"targetIds" rule:"required,id,unique,items=1..100"`
	// Waves order the children: in each phase a wave begins when all jobs of
	// the wave before are done. Every child is in exactly one.
	Waves [][]string `yaml:"waves,omitempty" rule:"extension,id,items=1..100,default=all children at once"`
	// MaxConcurrent is how many children are worked on at the same time.
	MaxConcurrent int `yaml:"maxConcurrent,omitempty" rule:"extension,range=1..100,default=all"`
	// FailureBudget is how many children may fail. When more do, no further
	// wave begins, running jobs are terminated, and every child that is not
	// promoted follows onFailure.
	FailureBudget *int `yaml:"failureBudget,omitempty" rule:"extension,range=0..100,default=none: nothing is terminated and no wave begins after one with a failure"`
}

// KubernetesCluster is any cluster the worker can reach. Empty means the
// cluster the worker runs in.
type KubernetesCluster struct {
	// Context is a context of the kubeconfig.
	Context string `yaml:"context,omitempty" rule:"default=the kubeconfig's current context"`
	// Kubeconfig is a path on the worker's machine.
	Kubeconfig string `yaml:"kubeconfig,omitempty" rule:"default=the worker's own"`
	// Namespace is where objects without a namespace go.
	Namespace string `yaml:"namespace,omitempty" rule:"length=63,default=the context's namespace"`
}

// AssociatedEntities are clusters under one id.
type AssociatedEntities struct {
	// GKEClusters are Google Kubernetes Engine clusters.
	GKEClusters []GKECluster `yaml:"gkeClusters,omitempty"`
	// AnthosClusters are clusters registered with a fleet.
	AnthosClusters []AnthosCluster `yaml:"anthosClusters,omitempty"`
	// KubernetesClusters are any clusters the worker can reach.
	KubernetesClusters []KubernetesCluster `yaml:"kubernetesClusters,omitempty" rule:"extension"`
}

// ExecutionConfig says where certain jobs run: at most one of workerPool,
// defaultPool and privatePool.
type ExecutionConfig struct {
	// Usages are the jobs this is for.
	Usages []string `yaml:"usages" rule:"required,items=1..,enum=RENDER|DEPLOY|VERIFY|PREDEPLOY|POSTDEPLOY|ANALYSIS"`
	// WorkerPool is a Cloud Build worker pool.
	WorkerPool string `yaml:"workerPool,omitempty" rule:"format=projects/*/locations/*/workerPools/*"`
	// DefaultPool is the default Cloud Build pool.
	DefaultPool *DefaultPool `yaml:"defaultPool,omitempty"`
	// PrivatePool is a private Cloud Build pool.
	PrivatePool *PrivatePool `yaml:"privatePool,omitempty"`
	// ServiceAccount is whom the jobs act as.
	ServiceAccount string `yaml:"serviceAccount,omitempty"`
	// ArtifactStorage is where outputs go, a bucket or a path in it.
	ArtifactStorage string `yaml:"artifactStorage,omitempty"`
	// ExecutionTimeout is how long one job may take; 10 minutes to 24 hours.
	ExecutionTimeout *Duration `yaml:"executionTimeout,omitempty" rule:"duration=10m..24h,default=3600s"`
	// Verbose logs more.
	Verbose bool `yaml:"verbose,omitempty" rule:"default=false"`
}

// DefaultPool is the default Cloud Build pool.
type DefaultPool struct {
	// ServiceAccount is whom the jobs act as.
	ServiceAccount string `yaml:"serviceAccount,omitempty"`
	// ArtifactStorage is where outputs go, a bucket or a path in it.
	ArtifactStorage string `yaml:"artifactStorage,omitempty"`
}

// PrivatePool is a private Cloud Build pool.
type PrivatePool struct {
	// WorkerPool is the pool's resource name.
	WorkerPool string `yaml:"workerPool" rule:"required,format=projects/*/locations/*/workerPools/*"`
	// ServiceAccount is whom the jobs act as.
	ServiceAccount string `yaml:"serviceAccount,omitempty"`
	// ArtifactStorage is where outputs go, a bucket or a path in it.
	ArtifactStorage string `yaml:"artifactStorage,omitempty"`
}

// Runtime is the key that says what kind of destination t is: gke,
// anthosCluster, run, customTarget, multiTarget or kubernetes.
func (t *Target) Runtime() string {
	for _, c := range t.runtimes() {
		if c.given {
			return c.name
		}
	}
	return ""
}

func (t *Target) runtimes() []choice {
	return []choice{
		{"gke", t.GKE != nil},
		{"anthosCluster", t.AnthosCluster != nil},
		{"run", t.Run != nil},
		{"customTarget", t.CustomTarget != nil},
		{"multiTarget", t.MultiTarget != nil},
		{"kubernetes", t.Kubernetes != nil},
	}
}
