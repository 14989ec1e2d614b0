package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/serin-dev/serin/rollout"
)

// maxLog bounds what is read of a task's log, in bytes.
const maxLog = 64 << 10

// log returns the last lines of the task in p, or why they cannot be had: a log that is missing
// changes no verdict.
func (s *session) log(ctx context.Context, p *corev1.Pod) []byte {
	if p == nil || !(jobSight{pod: p}).ran() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res := s.c.disco.RESTClient().Get().
		AbsPath("/api/v1/namespaces", p.Namespace, "pods", p.Name, "log").
		Param("container", taskContainer).
		Param("tailLines", strconv.Itoa(rollout.LogLines)).
		Param("limitBytes", strconv.Itoa(maxLog)).
		Do(ctx)
	got, err := res.Raw()
	if err != nil {
		err = res.Error() // which reads what the server says of it
		text := s.typed(ref{gvk: kindPod(), namespace: p.Namespace, name: p.Name}, err).Error()
		return fmt.Appendf(nil, "its log cannot be read: %s\n", cut(text))
	}
	return bytes.ToValidUTF8(got, nil)
}
