package cloudrun

import (
	"encoding/json"
	"strings"
)

// manifest is the Knative Service that a user writes, with the fields that Cloud
// Run reads. A field that is not here is refused by name, never dropped.
type manifest struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       struct {
		Template struct {
			Metadata metadata     `json:"metadata"`
			Spec     revisionSpec `json:"spec"`
		} `json:"template"`
		Traffic []trafficEntry `json:"traffic"`
	} `json:"spec"`
}

// metadata has no place for a namespace's meaning: the target's location decides
// the project, as it does for Cloud Deploy.
type metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type revisionSpec struct {
	ContainerConcurrency int64             `json:"containerConcurrency"`
	TimeoutSeconds       int64             `json:"timeoutSeconds"`
	ServiceAccountName   string            `json:"serviceAccountName"`
	NodeSelector         map[string]string `json:"nodeSelector"`
	Containers           []container       `json:"containers"`
	Volumes              []volume          `json:"volumes"`
}

type trafficEntry struct {
	RevisionName   string `json:"revisionName"`
	LatestRevision bool   `json:"latestRevision"`
	Percent        int64  `json:"percent"`
	Tag            string `json:"tag"`
}

type container struct {
	Name       string   `json:"name"`
	Image      string   `json:"image"`
	Command    []string `json:"command"`
	Args       []string `json:"args"`
	WorkingDir string   `json:"workingDir"`
	Env        []envVar `json:"env"`
	Ports      []struct {
		Name          string `json:"name"`
		ContainerPort int64  `json:"containerPort"`
	} `json:"ports"`
	Resources struct {
		Limits map[string]quantity `json:"limits"`
	} `json:"resources"`
	VolumeMounts []struct {
		Name      string `json:"name"`
		MountPath string `json:"mountPath"`
		SubPath   string `json:"subPath"`
	} `json:"volumeMounts"`
	StartupProbe   *probe `json:"startupProbe"`
	LivenessProbe  *probe `json:"livenessProbe"`
	ReadinessProbe *probe `json:"readinessProbe"`
}

type envVar struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	ValueFrom *struct {
		SecretKeyRef *struct {
			Name string `json:"name"` // of the secret
			Key  string `json:"key"`  // the version
		} `json:"secretKeyRef"`
	} `json:"valueFrom"`
}

type probe struct {
	InitialDelaySeconds int64 `json:"initialDelaySeconds"`
	TimeoutSeconds      int64 `json:"timeoutSeconds"`
	PeriodSeconds       int64 `json:"periodSeconds"`
	FailureThreshold    int64 `json:"failureThreshold"`
	HTTPGet             *struct {
		Path        string `json:"path"`
		Port        int64  `json:"port"`
		HTTPHeaders []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"httpHeaders"`
	} `json:"httpGet"`
	TCPSocket *struct {
		Port int64 `json:"port"`
	} `json:"tcpSocket"`
	GRPC *struct {
		Port    int64  `json:"port"`
		Service string `json:"service"`
	} `json:"grpc"`
}

type volume struct {
	Name   string `json:"name"`
	Secret *struct {
		SecretName  string `json:"secretName"`
		DefaultMode int64  `json:"defaultMode"`
		Items       []struct {
			Key  string `json:"key"` // the version
			Path string `json:"path"`
			Mode int64  `json:"mode"`
		} `json:"items"`
	} `json:"secret"`
	EmptyDir *struct {
		Medium    string   `json:"medium"`
		SizeLimit quantity `json:"sizeLimit"`
	} `json:"emptyDir"`
	CSI *struct {
		Driver           string `json:"driver"`
		ReadOnly         bool   `json:"readOnly"`
		VolumeAttributes struct {
			BucketName   string `json:"bucketName"`
			MountOptions string `json:"mountOptions"` // comma-separated
		} `json:"volumeAttributes"`
	} `json:"csi"`
	NFS *struct {
		Server   string `json:"server"`
		Path     string `json:"path"`
		ReadOnly bool   `json:"readOnly"`
	} `json:"nfs"`
}

// quantity is an amount such as "512Mi" or 1, which YAML may give as a number.
type quantity string

// UnmarshalJSON takes a string or a number as it is written.
func (q *quantity) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), `"`) {
		var s string
		err := json.Unmarshal(b, &s)
		*q = quantity(s)
		return err
	}
	*q = quantity(b)
	return nil
}
