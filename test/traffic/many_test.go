package traffic_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/metrics"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// many is how many rollouts go at once.
const many = 50

// slowest keeps the longest time that the client itself made a request wait.
type slowest struct {
	mu sync.Mutex
	d  time.Duration
	n  int
}

// Observe is called by client-go for each request.
func (s *slowest) Observe(_ context.Context, _ string, _ url.URL, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d, s.n = max(s.d, d), s.n+1
}

// TestManyAtOnce: the client throttles nobody. client-go says so from a second on; here half
// of that is too much already.
func TestManyAtOnce(t *testing.T) {
	s := start(t)
	waits := &slowest{}
	before := metrics.RateLimiterLatency
	metrics.RateLimiterLatency = waits
	t.Cleanup(func() { metrics.RateLimiterLatency = before })
	var done sync.WaitGroup
	scenes := make([]*scene, many)
	for i := range many {
		namespace := fmt.Sprintf("many-%02d", i)
		scenes[i] = s.make(t, namespace, options{canary: automatic(), files: func(version string) map[string]string {
			files := manifestFiles(namespace, version)
			files["app.yaml"] = strings.Replace(files["app.yaml"], "    spec:\n", `    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
`, 1)
			return files
		}})
	}
	for _, version := range []string{"v1", "v2"} {
		for _, sc := range scenes {
			done.Go(func() { sc.Until(sc.Release(version, sc.files(version)), drive.In(rollout.StateSucceeded)) })
		}
		done.Wait()
	}
	t.Logf("%d rollouts at once, %d requests, the longest held back for %s", many, waits.n, waits.d)
	if waits.n == 0 {
		t.Error("no request was seen")
	}
	if waits.d > 500*time.Millisecond {
		t.Errorf("the client held a request back for %s", waits.d)
	}
}
