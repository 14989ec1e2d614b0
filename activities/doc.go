// Package activities has the effects of a rollout: the interfaces that a platform
// implements, and the activities that call them in the order that keeps traffic
// safe. Workflows decide, activities do, providers touch.
//
// Every activity may run more than once, also after it succeeded: it states an
// end, compares before it writes, and is safe to kill between any two writes.
package activities
