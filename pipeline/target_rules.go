package pipeline

import "slices"

func (t *Target) rules(at *judge) {
	exactlyOne(at, t.runtimes())
	if t.GKE != nil {
		t.GKE.rules(at.key("gke"))
	}
	if t.Run != nil {
		t.Run.rules(at.key("run"))
	}
	if t.Kubernetes != nil {
		t.Kubernetes.rules(at.key("kubernetes"))
	}
	if i := slices.Index(t.children(), t.Metadata.Name); i >= 0 && t.Metadata.Name != "" {
		at.key("multiTarget").key("targetIds").item(i).bad("a multi-target cannot contain itself")
	}
	parameterRules(at.key("deployParameters"), t.DeployParameters)
	t.entityRules(at.key("associatedEntities"))
	t.executionRules(at.key("executionConfigs"))
}

func (l *CloudRunLocation) rules(at *judge) {
	urlRule(at.key("endpoint"), l.Endpoint)
}

func (c *KubernetesCluster) rules(at *judge) {
	namespaceRule(at.key("namespace"), c.Namespace)
}

func (g *GKECluster) rules(at *judge) {
	if g.InternalIP && g.DNSEndpoint {
		at.bad("has internalIp and dnsEndpoint: only one of them may be true")
	}
}

func (t *Target) entityRules(at *judge) {
	for _, id := range sortedKeys(t.AssociatedEntities) {
		e := t.AssociatedEntities[id]
		entity := at.key(id)
		if !isID(id) {
			entity.bad("%q %s", id, wantID)
		}
		if len(e.GKEClusters)+len(e.AnthosClusters)+len(e.KubernetesClusters) == 0 {
			entity.bad("names no cluster: give gkeClusters or anthosClusters")
		}
		for i, c := range e.KubernetesClusters {
			c.rules(entity.key("kubernetesClusters").item(i))
		}
		for i, g := range e.GKEClusters {
			g.rules(entity.key("gkeClusters").item(i))
		}
	}
}

func (t *Target) executionRules(at *judge) {
	if len(t.ExecutionConfigs) == 0 {
		return
	}
	first := map[string]int{}
	for i, e := range t.ExecutionConfigs {
		atMostOne(at.item(i), []choice{
			{"workerPool", e.WorkerPool != ""}, {"defaultPool", e.DefaultPool != nil}, {"privatePool", e.PrivatePool != nil},
		})
		for j, u := range e.Usages {
			if k, twice := first[u]; twice {
				at.item(i).key("usages").item(j).bad("%s is already covered by executionConfigs[%d]: each usage has one configuration", u, k)
				continue
			}
			first[u] = i
		}
	}
	for _, u := range []string{"RENDER", "DEPLOY"} {
		if _, ok := first[u]; !ok {
			at.bad("cover no %s: a list must cover RENDER and DEPLOY", u)
		}
	}
}
