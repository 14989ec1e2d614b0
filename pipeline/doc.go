// Package pipeline reads the user's YAML: delivery pipelines, targets, custom
// target types, automations and deploy policies, in the schema of Cloud Deploy
// (deploy.cloud.google.com/v1) and in the same schema plus extensions
// (serin.dev/v1).
//
// [Load] judges every document by itself and reports everything that is wrong
// at once, each problem with its file, line and path. [Config.Check] judges
// the objects together. [Compile] turns one pipeline into the plans of a
// release and refuses, by name, what this build cannot execute.
//
// The package is pure: no network, no clock, no environment.
package pipeline

//go:generate go run ./internal/gen
