package launch

import (
	"encoding/json"
	"fmt"
	"io"
)

// tell writes what the cluster said when it was ready: the line itself to a program, and
// how to use it to a person.
func tell(out io.Writer, role string, line []byte) error {
	if role == RoleStart {
		_, err := out.Write(line)
		return err
	}
	var a Access
	if err := json.Unmarshal(line, &a); err != nil {
		return fmt.Errorf("read what the cluster said: %w", err)
	}
	_, err := fmt.Fprintf(out, `A Kubernetes cluster of one binary is ready.

  API server  %[1]s
  Gateway     http://%[2]s
  Audit log   %[3]s

In another shell:

  export KUBECONFIG=%[4]s
  kubectl get nodes
  curl -H 'Host: shop.example' http://%[2]s/      # a host of an HTTPRoute or an Ingress

Images: serin.test/app:<version> serves, serin.test/crash:<any> ends at once, serin.test/missing:<any> is
never found. Routes name the Gateway default/gateway, Ingresses the class nginx. Pods with the toleration
kwok.x-k8s.io/node and the nodeSelector type=kwok only pretend to run.

Ctrl-C stops it and leaves nothing.
`, a.Server, a.Gateway, a.Audit, a.Kubeconfig)
	return err
}
