package embedded

import (
	"time"

	servercluster "go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
)

const (
	// cluster is the name that a single cluster has in Temporal's own tools.
	cluster = "active"
	// datastore names the one database in the configuration.
	datastore = "sqlite"
	// shards is frozen when a database is made; more than one gains nothing
	// with SQLite's single writer.
	shards = 1
)

func serverConfig(st *store, p ports) *config.Config {
	const off = "disabled"
	address := p.address(frontend)
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: host}},
		Persistence: config.Persistence{
			DefaultStore:     datastore,
			VisibilityStore:  datastore,
			NumHistoryShards: shards,
			DataStores:       map[string]config.DataStore{datastore: {SQL: &st.sql}},
		},
		ClusterMetadata: &servercluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        cluster,
			CurrentClusterName:       cluster,
			ClusterInformation: map[string]servercluster.ClusterInformation{cluster: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             address,
				HTTPAddress:            p.address(frontendHTTP), // Nexus callbacks arrive here
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services(p),
		Archival: config.Archival{
			History:    config.HistoryArchival{State: off},
			Visibility: config.VisibilityArchival{State: off},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: off},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: off},
		}},
		PublicClient: config.PublicClient{HostPort: address},
	}
}

func services(p ports) map[string]config.Service {
	out := map[string]config.Service{}
	for _, name := range []string{frontend, history, matching, worker} {
		out[name] = config.Service{RPC: config.RPC{GRPCPort: p[name].port, BindOnLocalHost: true}}
	}
	f := out[frontend]
	f.RPC.HTTPPort = p[frontendHTTP].port
	out[frontend] = f
	return out
}

// tuning makes one server on one small machine answer in milliseconds. Temporal's
// defaults are for clusters that share a database with many others.
func tuning() dynamicconfig.StaticClient {
	out := dynamicconfig.StaticClient{}
	set := func(value any, keys ...string) {
		for _, k := range keys {
			out[dynamicconfig.MakeKey(k)] = value
		}
	}
	// 20 a second would round every step of a workflow up to 50 ms.
	set(2000, "history.transferProcessorMaxPollRPS", "history.timerProcessorMaxPollRPS",
		"history.visibilityProcessorMaxPollRPS", "history.outboundProcessorMaxPollRPS")
	// Four partitions forward tasks to each other while one would have a poller.
	set(1, "matching.numTaskqueueReadPartitions", "matching.numTaskqueueWritePartitions")
	// On a fast disk a waiting client can miss a workflow's end; it then waits this long.
	set(time.Second, "history.longPollExpirationInterval")
	// Timers and retries below a second are as long as they say.
	set(10*time.Millisecond, "history.timerProcessorMaxTimeShift")
	// A cancel reaches an activity that does not heartbeat.
	set(true, "system.enableCancelActivityWorkerCommand", "frontend.WorkerCommandsEnabled")
	// New search attributes and Nexus endpoints are usable at once, at the price of more reads.
	set(true, "system.forceSearchAttributesCacheRefreshOnRead", "system.forceNexusEndpointRefreshOnRead")
	set(100000, "frontend.persistenceMaxQPS", "history.persistenceMaxQPS")
	set(100, "frontend.namespaceRPS.visibility")
	// Memory: cached workflows, and goroutines that mostly wait.
	set(2048, "history.hostLevelCacheMaxSize")
	set(16, "history.transferProcessorSchedulerWorkerCount", "history.timerProcessorSchedulerWorkerCount",
		"history.visibilityProcessorSchedulerWorkerCount", "history.archivalProcessorSchedulerWorkerCount",
		"history.memoryTimerProcessorSchedulerWorkerCount")
	// The server does not ask its makers for a newer one.
	set(false, "frontend.enableServerVersionCheck")
	return out
}
