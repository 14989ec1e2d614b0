// Package rollout is the vocabulary of Serin: what a release, a target, a plan,
// a phase, a weight and a state are, the events of a rollout and the status they
// fold into, and the wire contract: workflow ids, message names and payloads.
//
// The words and states are those of Cloud Deploy. The package imports only the
// standard library, so that every other part, and every other service, can use it.
package rollout
