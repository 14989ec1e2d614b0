package cloudrun

import (
	"errors"
	"strconv"
	"strings"

	run "google.golang.org/api/run/v2"
)

// templateAnnotations are the platform's annotations of a revision template.
func templateAnnotations() map[string]setter[draft] {
	return map[string]setter[draft]{
		"autoscaling.knative.dev/minScale": func(d *draft, v string) error { return number(&d.scaling().MinInstanceCount, v) },
		"autoscaling.knative.dev/maxScale": func(d *draft, v string) error { return number(&d.scaling().MaxInstanceCount, v) },
		"run.googleapis.com/cpu-throttling": func(d *draft, v string) error {
			d.cpuSet = true
			return boolean(&d.cpuIdle, v)
		},
		"run.googleapis.com/startup-cpu-boost": func(d *draft, v string) error {
			d.boostSet = true
			return boolean(&d.boost, v)
		},
		"run.googleapis.com/execution-environment": func(d *draft, v string) error {
			return oneOf(&d.out.ExecutionEnvironment, v, map[string]string{
				"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2",
			})
		},
		"run.googleapis.com/vpc-access-connector": func(d *draft, v string) error {
			d.vpc().Connector = v
			if !strings.Contains(v, "/") {
				d.vpc().Connector = d.location + "/connectors/" + v
			}
			return nil
		},
		"run.googleapis.com/vpc-access-egress": func(d *draft, v string) error {
			return oneOf(&d.vpc().Egress, v, map[string]string{
				"all": "ALL_TRAFFIC", "all-traffic": "ALL_TRAFFIC", "private-ranges-only": "PRIVATE_RANGES_ONLY",
			})
		},
		"run.googleapis.com/network-interfaces": func(d *draft, v string) error {
			return decodeJSON(&d.vpc().NetworkInterfaces, v, `a list such as [{"network": "default", "subnetwork": "apps", "tags": ["web"]}]`)
		},
		"run.googleapis.com/cloudsql-instances":    func(d *draft, v string) error { return list(&d.sqlOf, v) },
		"run.googleapis.com/sessionAffinity":       func(d *draft, v string) error { return boolean(&d.out.SessionAffinity, v) },
		"run.googleapis.com/health-check-disabled": func(d *draft, v string) error { return boolean(&d.out.HealthCheckDisabled, v) },
		"run.googleapis.com/client-name":           func(d *draft, v string) error { d.out.Client = v; return nil },
		"run.googleapis.com/client-version":        func(d *draft, v string) error { d.out.ClientVersion = v; return nil },
		"run.googleapis.com/secrets":               func(d *draft, v string) error { return d.aliases(v) },
		"run.googleapis.com/encryption-key":        func(d *draft, v string) error { d.out.EncryptionKey = v; return nil },
		"run.googleapis.com/gpu-zonal-redundancy-disabled": func(d *draft, v string) error {
			return boolean(&d.out.GpuZonalRedundancyDisabled, v)
		},
		"run.googleapis.com/encryption-key-shutdown-hours": func(d *draft, v string) error {
			var hours int64
			err := number(&hours, v)
			d.out.EncryptionKeyShutdownDuration = strconv.FormatInt(hours*3600, 10) + "s"
			return err
		},
		"run.googleapis.com/post-key-revocation-action-type": func(d *draft, v string) error {
			return oneOf(&d.out.EncryptionKeyRevocationAction, v, map[string]string{"prevent-new": "PREVENT_NEW", "shut-down": "SHUTDOWN"})
		},
		annotationAdopt: adopting,
		"run.googleapis.com/container-dependencies": func(d *draft, v string) error {
			return decodeJSON(&d.dependsOn, v, `a mapping such as {"app": ["proxy"]}`)
		},
	}
}

func (d *draft) scaling() *run.GoogleCloudRunV2RevisionScaling {
	if d.out.Scaling == nil {
		d.out.Scaling = &run.GoogleCloudRunV2RevisionScaling{}
	}
	return d.out.Scaling
}

func (d *draft) vpc() *run.GoogleCloudRunV2VpcAccess {
	if d.out.VpcAccess == nil {
		d.out.VpcAccess = &run.GoogleCloudRunV2VpcAccess{}
	}
	return d.out.VpcAccess
}

// list splits a comma-separated value.
func list(to *[]string, v string) error {
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			return errors.New("want a list separated by commas, without empty parts")
		}
		*to = append(*to, part)
	}
	return nil
}

// aliases reads "alias:projects/P/secrets/S, ...".
func (d *draft) aliases(v string) error {
	var parts []string
	if err := list(&parts, v); err != nil {
		return err
	}
	d.secrets = map[string]string{}
	for _, part := range parts {
		alias, name, ok := strings.Cut(part, ":")
		if !ok || alias == "" || !strings.HasPrefix(name, "projects/") {
			return errors.New("want alias:projects/PROJECT/secrets/SECRET, separated by commas")
		}
		d.secrets[alias] = name
	}
	return nil
}

// secret returns the secret behind name, which may be an alias.
func (d *draft) secret(name string) string {
	if full, ok := d.secrets[name]; ok {
		return full
	}
	return name
}
