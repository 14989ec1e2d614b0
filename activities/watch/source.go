package watch

import (
	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

type named struct {
	Name        string            `yaml:"name,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type image struct {
	Name  string `yaml:"name,omitempty"`
	Image string `yaml:"image"`
}

// manifest is a Knative Service with no more than a release of such a revision needs. Its images are
// for people: the revision's own are what runs.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   named  `yaml:"metadata"`
	Spec       struct {
		Template struct {
			Metadata named `yaml:"metadata"`
			Spec     struct {
				Containers []image `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

// packed is the same for the same revision.
func packed(s rollout.FoundService) ([]byte, error) {
	m := manifest{APIVersion: "serving.knative.dev/v1", Kind: "Service", Metadata: named{Name: s.Service}}
	m.Spec.Template.Metadata.Annotations = map[string]string{"serin.dev/adopt-revision": s.Ready}
	for _, i := range s.Images {
		m.Spec.Template.Spec.Containers = append(m.Spec.Template.Spec.Containers, image{Name: i.Name, Image: i.Image})
	}
	content, err := yaml.Marshal(m)
	if err != nil {
		return nil, err
	}
	return render.PackFile("service.yaml", content)
}
