package kubernetes_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
)

// coreTorn: a Deployment that is ready, and that others label all the time, is ready whenever it is looked at.
func coreTorn(s *coreScene) {
	s.begin(coreDeployment("shop", "v1", "replicas: 2") + coreService("shop") + strings.ReplaceAll(coreRoute, "%s", s.namespace))
	w := s.release(2, coreDeployment("shop-canary", "v2")+coreService("shop-canary"))
	w.Kubernetes, w.Promotion, w.Phase = coreGatewayPlan(), false, "canary"
	w.Stable = s.observe(w).Split.Serving()[0].Revision
	s.keepBaseline(&w)
	w.Weight = 1
	s.must("deploy", s.Deploy, w)
	s.until(w, "the canary", coreReady)

	ctx, stop := context.WithCancel(s.ctx)
	var others sync.WaitGroup
	others.Go(func() {
		all := s.cluster.Dynamic.Resource(coreResource("deployments")).Namespace(s.namespace)
		for i := 0; ctx.Err() == nil; i++ {
			patch := fmt.Sprintf(`{"metadata":{"labels":{"example.com/looked-at":"%d"}}}`, i)
			if _, err := all.Patch(ctx, "shop-canary", types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil && ctx.Err() == nil {
				s.Error(err)
				return
			}
		}
	})
	for percent := rollout.Weight(2); percent <= 30; percent++ {
		w.Weight = percent
		s.must(fmt.Sprintf("give it %d%%", percent), s.SetWeight, w)
		s.until(w, "the split", coreSettled)
	}
	stop()
	others.Wait()
}
