package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

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
	if t.CustomTarget != nil {
		t.CustomTarget.rules(at.key("customTarget"))
	}
	if i := slices.Index(t.children(), t.Metadata.Name); i >= 0 && t.Metadata.Name != "" {
		at.key("multiTarget").key("targetIds").item(i).bad("a multi-target cannot contain itself")
	}
	if t.MultiTarget != nil {
		t.MultiTarget.waveRules(at.key("multiTarget").key("waves"))
	}
	if t.Approval != nil {
		if !t.RequireApproval {
			at.key("approval").bad("has no effect without requireApproval: add requireApproval: true or remove it")
		}
		t.Approval.rules(at.key("approval"))
	}
	parameterRules(at.key("deployParameters"), t.DeployParameters)
	t.entityRules(at.key("associatedEntities"))
	t.executionRules(at.key("executionConfigs"))
}

func (a *Approval) rules(at *judge) {
	for i, name := range a.Approvers {
		if name == "" || strings.TrimSpace(name) != name {
			at.key("approvers").item(i).bad("%q is no actor: write what the person gives as --by, such as ada@shop.example", name)
		}
	}
	if n := len(a.Approvers); n > 0 && a.MinApprovals > n {
		at.key("minApprovals").bad("is %d, but there %s: nobody could approve enough", a.MinApprovals, approvers(n))
	}
}

func approvers(n int) string {
	if n == 1 {
		return "is 1 approver"
	}
	return fmt.Sprintf("are %d approvers", n)
}

// waveRules judges that every child is in exactly one wave.
func (m *MultiTarget) waveRules(at *judge) {
	if m.Waves == nil {
		return
	}
	first := map[string]int{}
	for i, wave := range m.Waves {
		for j, name := range wave {
			switch before, twice := first[name]; {
			case twice:
				at.item(i).item(j).bad("%q is already in waves[%d]: a child is in one wave", name, before)
			case !slices.Contains(m.TargetIDs, name):
				at.item(i).item(j).bad("%q is no child: targetIds are %s", name, listed(m.TargetIDs))
			default:
				first[name] = i
			}
		}
	}
	for _, name := range m.TargetIDs {
		if _, ok := first[name]; !ok {
			at.bad("lack %q: every child is in exactly one wave", name)
		}
	}
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
