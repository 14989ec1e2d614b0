// Package render turns a source directory into manifests: plain YAML files, or
// what a skaffold.yaml names, with profiles, deploy parameters and images applied.
//
// It is pure. It reads an fs.FS and returns bytes; it opens no connection, runs
// no program and reads no environment, so the same source and request give the
// same manifest everywhere: in an activity, in a test and in an offline plan.
//
// Pack and Unpack carry a source through the artifact store.
package render
