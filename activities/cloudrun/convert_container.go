package cloudrun

import (
	"fmt"
	"maps"
	"slices"

	run "google.golang.org/api/run/v2"
)

func (d *draft) container(path string, c container) {
	if c.Image == "" {
		d.p.add(path+".image", "required")
	}
	out := &run.GoogleCloudRunV2Container{
		Name: c.Name, Image: c.Image, Command: c.Command, Args: c.Args, WorkingDir: c.WorkingDir,
		DependsOn:      d.dependsOn[c.Name],
		Resources:      d.resources(path+".resources.limits", c),
		StartupProbe:   d.probe(path+".startupProbe", c.StartupProbe),
		LivenessProbe:  d.probe(path+".livenessProbe", c.LivenessProbe),
		ReadinessProbe: d.probe(path+".readinessProbe", c.ReadinessProbe),
	}
	for i, e := range c.Env {
		out.Env = append(out.Env, d.env(fmt.Sprintf("%s.env[%d]", path, i), e))
	}
	for i, port := range c.Ports {
		if port.Name != "" && port.Name != "http1" && port.Name != "h2c" {
			d.p.add(fmt.Sprintf("%s.ports[%d].name", path, i), "%q is unknown, known are h2c, http1", port.Name)
		}
		out.Ports = append(out.Ports, &run.GoogleCloudRunV2ContainerPort{Name: port.Name, ContainerPort: port.ContainerPort})
	}
	for _, m := range c.VolumeMounts {
		out.VolumeMounts = append(out.VolumeMounts, &run.GoogleCloudRunV2VolumeMount{Name: m.Name, MountPath: m.MountPath, SubPath: m.SubPath})
	}
	d.out.Containers = append(d.out.Containers, out)
}

// resources sets cpuIdle with every limit: once resources are given, the API takes
// a missing cpuIdle for false, while Knative's default is true.
func (d *draft) resources(path string, c container) *run.GoogleCloudRunV2ResourceRequirements {
	if len(c.Resources.Limits) == 0 && !d.cpuSet && !d.boostSet {
		return nil
	}
	out := &run.GoogleCloudRunV2ResourceRequirements{
		CpuIdle: d.cpuIdle, StartupCpuBoost: d.boost, ForceSendFields: []string{"CpuIdle"},
	}
	for _, k := range slices.Sorted(maps.Keys(c.Resources.Limits)) {
		if k != "cpu" && k != "memory" && k != "nvidia.com/gpu" {
			d.p.add(fmt.Sprintf("%s[%s]", path, k), "unknown, known are cpu, memory, nvidia.com/gpu")
			continue
		}
		if out.Limits == nil {
			out.Limits = map[string]string{}
		}
		out.Limits[k] = string(c.Resources.Limits[k])
	}
	return out
}

func (d *draft) env(path string, e envVar) *run.GoogleCloudRunV2EnvVar {
	out := &run.GoogleCloudRunV2EnvVar{Name: e.Name, Value: e.Value}
	if e.Name == "" {
		d.p.add(path+".name", "required")
	}
	if e.ValueFrom == nil {
		return out
	}
	ref := e.ValueFrom.SecretKeyRef
	if e.Value != "" || ref == nil || ref.Name == "" || ref.Key == "" {
		d.p.add(path, "want either a value, or valueFrom.secretKeyRef with name (the secret) and key (its version)")
		return out
	}
	out.ValueSource = &run.GoogleCloudRunV2EnvVarSource{
		SecretKeyRef: &run.GoogleCloudRunV2SecretKeySelector{Secret: d.secret(ref.Name), Version: ref.Key},
	}
	return out
}

func (d *draft) probe(path string, p *probe) *run.GoogleCloudRunV2Probe {
	if p == nil {
		return nil
	}
	out := &run.GoogleCloudRunV2Probe{
		InitialDelaySeconds: p.InitialDelaySeconds, TimeoutSeconds: p.TimeoutSeconds,
		PeriodSeconds: p.PeriodSeconds, FailureThreshold: p.FailureThreshold,
	}
	actions := 0
	if p.HTTPGet != nil {
		actions++
		out.HttpGet = &run.GoogleCloudRunV2HTTPGetAction{Path: p.HTTPGet.Path, Port: p.HTTPGet.Port}
		for _, h := range p.HTTPGet.HTTPHeaders {
			out.HttpGet.HttpHeaders = append(out.HttpGet.HttpHeaders, &run.GoogleCloudRunV2HTTPHeader{Name: h.Name, Value: h.Value})
		}
	}
	if p.TCPSocket != nil {
		actions++
		out.TcpSocket = &run.GoogleCloudRunV2TCPSocketAction{Port: p.TCPSocket.Port}
	}
	if p.GRPC != nil {
		actions++
		out.Grpc = &run.GoogleCloudRunV2GRPCAction{Port: p.GRPC.Port, Service: p.GRPC.Service}
	}
	if actions != 1 {
		d.p.add(path, "want exactly one of grpc, httpGet, tcpSocket")
	}
	return out
}
