// Package workflows decides: what a release, a lane and a rollout do next. It has
// no effects of its own; activities do what it decides.
//
// Only Config and Lane continue as new. A Rollout never does, because that would
// apply the parent-close policy to its children.
package workflows
