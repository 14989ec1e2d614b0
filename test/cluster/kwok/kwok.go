// Package kwok runs kwok, which pretends to be nodes: their pods are Running and Ready at
// once and no process runs for them.
package kwok

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	nodes "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	pods "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"

	"github.com/serin-dev/serin/test/cluster/netns"
)

// Role is this program's first argument when it is to be kwok.
const Role = "kwok"

// Label is on the pretended nodes, so that a load test's pods can select them.
const (
	Label      = "type"
	LabelValue = "kwok"
	// Taint keeps all other pods away. Its value is "fake", its effect NoSchedule.
	Taint = "kwok.x-k8s.io/node"
)

// configuration is kwok's own. Leases are the nodes' heartbeat.
const configuration = `apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  manageNodesWithLabelSelector: ` + Label + `=` + LabelValue + `
  cidr: ` + netns.FakePods + `
  nodeIP: ` + netns.APIServer + `
  nodeLeaseDurationSeconds: 40
  nodeLeaseParallelism: 4
  nodePlayStageParallelism: 4
  podPlayStageParallelism: 16
  podsOnNodeSyncParallelism: 4
`

// Flags writes kwok's configuration to path, and returns its command line.
func Flags(path, kubeconfig string) ([]string, error) {
	docs := []string{configuration, nodes.DefaultNodeInit, pods.DefaultPodReady, pods.DefaultPodComplete, pods.DefaultPodDelete}
	if err := os.WriteFile(path, []byte(strings.Join(docs, "\n---\n")), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration of kwok: %w", err)
	}
	return []string{"--config=" + path, "--kubeconfig=" + kubeconfig}, nil
}

// Run is kwok, with the flags that Flags returned as this process's arguments.
func Run() error {
	// Kubernetes has put a --version of its own there, which cobra would give to kwok.
	pflag.CommandLine = pflag.NewFlagSet(Role, pflag.ContinueOnError)
	ctx := signals.SetupSignalContext()
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true // two parsers share one command line
	flags.Usage = func() {}
	ctx, _ = log.InitFlags(ctx, flags)
	ctx, err := config.InitFlags(ctx, flags)
	if err != nil {
		return fmt.Errorf("read the configuration of kwok: %w", err)
	}
	command := cmd.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	return command.ExecuteContext(ctx)
}

// Name is the name of the nth pretended node, counted from 0.
func Name(n int) string { return fmt.Sprintf("kwok-%d", n) }

// Create makes the first n nodes.
func Create(ctx context.Context, client kubernetes.Interface, n int) error {
	for i := range n {
		node := &core.Node{
			ObjectMeta: metav1.ObjectMeta{
				Name:        Name(i),
				Labels:      map[string]string{Label: LabelValue, core.LabelHostname: Name(i), core.LabelOSStable: "linux"},
				Annotations: map[string]string{Taint: "fake"},
			},
			Spec: core.NodeSpec{Taints: []core.Taint{{Key: Taint, Value: "fake", Effect: core.TaintEffectNoSchedule}}},
		}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create node %s: %w", node.Name, err)
		}
	}
	return nil
}
