package render

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rule says what a field of a skaffold.yaml may hold.
type rule struct {
	refuse string          // why content is refused and what to do; empty if it is not
	fields map[string]rule // the fields of a mapping; nil if they are not looked at
}

// check reports every field of v that rules does not allow.
func check(v *value, rules map[string]rule, bad report) {
	if v.empty() {
		return
	}
	if v.kind != yaml.MappingNode {
		bad(v, "must be a mapping")
		return
	}
	for i, key := range v.keys {
		item := v.items[i]
		r, ok := rules[key]
		switch {
		case !ok && v.path == "" && strings.HasPrefix(key, "."):
			// A place for YAML anchors, as in Skaffold.
		case !ok:
			bad(item, "unknown field: %s", known("known are", slices.Sorted(maps.Keys(rules))))
		case item.empty():
		case r.refuse != "":
			bad(item, "is not supported: %s", r.refuse)
		case r.fields != nil:
			check(item, r.fields, bad)
		}
	}
}

// rules returns the fields of the whole file (top) or of one profile.
func (c *config) rules(top bool) map[string]rule {
	m := map[string]rule{
		"build":            {refuse: "images come with the release (--images name=ref), build them before it"},
		"test":             {refuse: "test images before the release"},
		"resourceSelector": {refuse: "images are set in every list of containers"},
		"portForward":      {},
		"verify":           {},
		"customActions":    {},
		"deploy":           {fields: modernDeploy()},
		"manifests":        {fields: modernManifests()},
	}
	if c.legacy {
		delete(m, "customActions")
		m["manifests"] = rule{refuse: "skaffold/v2beta29 names manifests in deploy.kubectl.manifests and deploy.kustomize.paths, later versions have this section"}
		m["deploy"] = rule{fields: legacyDeploy()}
	}
	if !top {
		m["name"], m["patches"] = rule{}, rule{}
		m["activation"] = rule{refuse: "profiles are chosen by name, in the stage or phase of the pipeline"}
		m["requiresAllActivations"] = rule{refuse: "profiles are chosen by name, in the stage or phase of the pipeline"}
		return m
	}
	m["apiVersion"], m["kind"], m["metadata"], m["profiles"] = rule{}, rule{}, rule{}, rule{}
	m["requires"] = rule{refuse: "one release renders one configuration"}
	return m
}

const (
	noHelm  = "render the chart before the release and list its output in rawYaml"
	noHooks = "nothing is run while rendering: use predeploy and postdeploy of the pipeline"
	noKpt   = "render with kpt before the release and list its output in rawYaml"
	noFlags = "manifests are applied by Serin, which takes no flags: remove it"
	noCheck = "when a phase is ready is decided by the pipeline: remove it"
	noWhere = "the target says where to deploy: remove it"
)

func modernManifests() map[string]rule {
	return map[string]rule{
		"rawYaml": {},
		"kustomize": {fields: map[string]rule{
			"paths": {}, "buildArgs": {},
		}},
		"helm":            {refuse: noHelm},
		"kpt":             {refuse: noKpt},
		"remoteManifests": {refuse: "a render reads no cluster: put the manifests into the source"},
		"hooks":           {refuse: noHooks},
		"transform":       {refuse: noKpt},
		"validate":        {refuse: noKpt},
		"output":          {refuse: "the manifest goes to the artifact store: remove it"},
	}
}

// deployRules are the fields of deploy that every version has.
func deployRules() map[string]rule {
	return map[string]rule{
		"helm":                          {refuse: noHelm},
		"kpt":                           {refuse: noKpt},
		"docker":                        {refuse: "deploy to a Kubernetes or Cloud Run target"},
		"statusCheck":                   {refuse: noCheck},
		"statusCheckDeadlineSeconds":    {refuse: noCheck},
		"tolerateFailuresUntilDeadline": {refuse: noCheck},
		"kubeContext":                   {refuse: noWhere},
		"logs":                          {refuse: "remove it"},
		"cloudrun": {fields: map[string]rule{
			"projectid": {refuse: noWhere}, "region": {refuse: noWhere}, "hooks": {refuse: noHooks},
		}},
	}
}

// deployer are the fields of a Kubernetes deployer besides its manifests.
func deployer() map[string]rule {
	return map[string]rule{
		"flags":            {refuse: noFlags},
		"defaultNamespace": {refuse: noWhere},
		"hooks":            {refuse: noHooks},
		"remoteManifests":  {refuse: "a render reads no cluster: put the manifests into the source"},
	}
}

func modernDeploy() map[string]rule {
	m := deployRules()
	m["kubectl"] = rule{fields: deployer()}
	m["tofu"] = rule{refuse: "deploy to a Kubernetes or Cloud Run target"}
	return m
}

func legacyDeploy() map[string]rule {
	m := deployRules()
	kubectl, kustomize := deployer(), deployer()
	kubectl["manifests"] = rule{}
	kustomize["paths"], kustomize["buildArgs"] = rule{}, rule{}
	delete(kustomize, "remoteManifests")
	m["kubectl"], m["kustomize"] = rule{fields: kubectl}, rule{fields: kustomize}
	return m
}
