package control

import (
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// The roles of this program that are a part of the control plane.
const (
	roleEtcd        = "etcd"
	roleAPIServer   = "kube-apiserver"
	roleControllers = "kube-controller-manager"
	roleScheduler   = "kube-scheduler"
)

// Role runs a part of the control plane until it ends, and returns its exit code. ok is
// false, and nothing has run, when role is none.
func Role(role string, args []string) (code int, ok bool) {
	command := map[string]func() *cobra.Command{ // functions: each installs its own signal handling, once in a process
		roleAPIServer:   apiserver.NewAPIServerCommand,
		roleControllers: controllers.NewControllerManagerCommand,
		roleScheduler:   func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	}[role]
	switch {
	case role == roleEtcd:
		etcdmain.Main(append([]string{role}, args...)) // returns only when etcd was asked to end
		return 0, true
	case command == nil:
		return 0, false
	}
	c := command()
	c.SetArgs(args)
	return cli.Run(c), true
}
