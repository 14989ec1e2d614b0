package control

import (
	"strings"

	"github.com/serin-dev/serin/test/cluster/netns"
)

const etcdURL = "http://127.0.0.1:2379"

// etcdFlags make an etcd that loses everything when the machine does, and needs no disk.
func etcdFlags(f Files) []string {
	const peer = "http://127.0.0.1:2380"
	return []string{
		"--data-dir=" + f.path("etcd"),
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--unsafe-no-fsync",
		"--snapshot-count=100000000", // snapshots are for a second member and a restart, there is neither
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}
}

func apiServerFlags(f Files) []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=0.0.0.0", "--secure-port=" + Port, "--advertise-address=" + netns.APIServer,
		"--service-cluster-ip-range=10.96.0.0/16",
		"--cert-dir=" + f.Dir, "--tls-cert-file=" + f.Certificate(), "--tls-private-key-file=" + f.path(keyFile),
		"--token-auth-file=" + f.path(tokensFile),
		"--authorization-mode=RBAC",
		"--kubelet-preferred-address-types=InternalIP", // nobody resolves the names of nodes
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + f.path(accountKeyFile), "--service-account-signing-key-file=" + f.path(accountKeyFile),
		"--disable-admission-plugins=ServiceAccount", // pods here have no files, so no token to read either
		"--audit-policy-file=" + f.path(policyFile), "--audit-log-path=" + f.Audit(),
		"--audit-log-maxsize=1000000", // megabytes: one file for a whole life
		"--enable-priority-and-fairness=false", "--max-requests-inflight=3000", "--max-mutating-requests-inflight=2000",
		"--profiling=false",
	}
}

// controllerFlags make a controller manager without the controllers of volumes, clouds,
// certificates and device claims, none of which a node here has.
func controllerFlags(f Files) []string {
	off := []string{
		"*", // all the others
		"-persistentvolume-binder-controller", "-persistentvolume-attach-detach-controller", "-persistentvolume-expander-controller",
		"-persistentvolumeclaim-protection-controller", "-persistentvolume-protection-controller", "-ephemeral-volume-controller",
		"-volumeattributesclass-protection-controller",
		"-certificatesigningrequest-signing-controller", "-certificatesigningrequest-approving-controller",
		"-certificatesigningrequest-cleaner-controller", "-podcertificaterequest-cleaner-controller",
		"-root-ca-certificate-publisher-controller", "-kube-apiserver-serving-clustertrustbundle-publisher-controller",
		"-legacy-serviceaccount-token-cleaner-controller", "-node-ipam-controller", "-ttl-controller",
		"-resourceclaim-controller", "-device-taint-eviction-controller", "-replicationcontroller-controller",
		"-storageversion-garbage-collector-controller", "-storage-version-migrator-controller",
		"-endpointslice-mirroring-controller", "-service-cidr-controller",
	}
	return append(clientFlags(f, Controllers),
		"--secure-port=0",
		"--controllers="+strings.Join(off, ","),
		"--service-account-private-key-file="+f.path(accountKeyFile),
		"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20", "--concurrent-service-endpoint-syncs=10",
		"--concurrent-statefulset-syncs=10", "--concurrent-namespace-syncs=20",
		"--horizontal-pod-autoscaler-sync-period=5s",
		"--node-monitor-grace-period=5m", // a machine under load is late with heartbeats, its pods are not lost
	)
}

func schedulerFlags(f Files) []string {
	return append(clientFlags(f, Scheduler), "--secure-port=0", "--authentication-skip-lookup")
}

// clientFlags let a component ask the API server as often as it wants. By default it is
// 20 and 50 requests a second, which is what a load test would measure.
func clientFlags(f Files, user string) []string {
	return []string{
		"--kubeconfig=" + f.kubeconfig(user),
		"--leader-elect=false",
		"--kube-api-qps=2000", "--kube-api-burst=4000",
		"--profiling=false",
	}
}
