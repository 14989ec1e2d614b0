package cloudrun

import (
	run "google.golang.org/api/run/v2"
)

// gcsDriver is the only CSI driver of Cloud Run.
const gcsDriver = "gcsfuse.run.googleapis.com"

func (d *draft) volume(path string, v volume) {
	out := &run.GoogleCloudRunV2Volume{Name: v.Name}
	if v.Name == "" {
		d.p.add(path+".name", "required")
	}
	sources := 0
	if v.Secret != nil {
		sources++
		out.Secret = d.secretVolume(path+".secret", v)
	}
	if v.EmptyDir != nil {
		sources++
		out.EmptyDir = &run.GoogleCloudRunV2EmptyDirVolumeSource{SizeLimit: string(v.EmptyDir.SizeLimit)}
		switch v.EmptyDir.Medium {
		case "":
		case "Memory", "MEMORY":
			out.EmptyDir.Medium = "MEMORY"
		default:
			d.p.add(path+".emptyDir.medium", "%q is unknown, known is Memory", v.EmptyDir.Medium)
		}
	}
	if v.CSI != nil {
		sources++
		out.Gcs = d.gcs(path+".csi", v)
	}
	if v.NFS != nil {
		sources++
		out.Nfs = &run.GoogleCloudRunV2NFSVolumeSource{Server: v.NFS.Server, Path: v.NFS.Path, ReadOnly: v.NFS.ReadOnly}
	}
	if sources != 1 {
		d.p.add(path, "want exactly one of csi, emptyDir, nfs, secret")
	}
	d.out.Volumes = append(d.out.Volumes, out)
}

func (d *draft) secretVolume(path string, v volume) *run.GoogleCloudRunV2SecretVolumeSource {
	if v.Secret.SecretName == "" {
		d.p.add(path+".secretName", "required")
	}
	out := &run.GoogleCloudRunV2SecretVolumeSource{Secret: d.secret(v.Secret.SecretName), DefaultMode: v.Secret.DefaultMode}
	for _, i := range v.Secret.Items {
		out.Items = append(out.Items, &run.GoogleCloudRunV2VersionToPath{Version: i.Key, Path: i.Path, Mode: i.Mode})
	}
	return out
}

func (d *draft) gcs(path string, v volume) *run.GoogleCloudRunV2GCSVolumeSource {
	if v.CSI.Driver != gcsDriver {
		d.p.add(path+".driver", "%q is unknown, known is %s", v.CSI.Driver, gcsDriver)
	}
	attributes := v.CSI.VolumeAttributes
	if attributes.BucketName == "" {
		d.p.add(path+".volumeAttributes.bucketName", "required")
	}
	out := &run.GoogleCloudRunV2GCSVolumeSource{Bucket: attributes.BucketName, ReadOnly: v.CSI.ReadOnly}
	if attributes.MountOptions != "" {
		if err := list(&out.MountOptions, attributes.MountOptions); err != nil {
			d.p.add(path+".volumeAttributes.mountOptions", "%s", err)
		}
	}
	return out
}

// cloudSQL mounts the instances' sockets where v1 puts them, in every container.
func (d *draft) cloudSQL() {
	const name, mountPath = "cloudsql", "/cloudsql"
	if len(d.sqlOf) == 0 {
		return
	}
	d.out.Volumes = append(d.out.Volumes, &run.GoogleCloudRunV2Volume{
		Name: name, CloudSqlInstance: &run.GoogleCloudRunV2CloudSqlInstance{Instances: d.sqlOf},
	})
	for _, c := range d.out.Containers {
		c.VolumeMounts = append(c.VolumeMounts, &run.GoogleCloudRunV2VolumeMount{Name: name, MountPath: mountPath})
	}
}
