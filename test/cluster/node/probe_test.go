package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestProbeSchedule reads: at these seconds the verdict is told, as it is.
func TestProbeSchedule(t *testing.T) {
	t.Parallel()
	type verdict struct {
		at int
		ok bool
	}
	for _, row := range []struct {
		name    string
		spec    corev1.Probe
		answers string // of one probe after the other: + - and ? for one that could not be made
		stopAt  bool   // the first verdict ends it
		want    []verdict
	}{
		{"at once", corev1.Probe{PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3}, "+", false, []verdict{{0, true}}},
		{"after the delay", corev1.Probe{InitialDelaySeconds: 7, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3}, "+", false, []verdict{{7, true}}},
		{"when it listens", corev1.Probe{PeriodSeconds: 2, SuccessThreshold: 1, FailureThreshold: 3}, "--+", false, []verdict{{4, true}}},
		{"failures in a row", corev1.Probe{PeriodSeconds: 2, SuccessThreshold: 1, FailureThreshold: 3}, "+--+---", false, []verdict{{0, true}, {6, true}, {12, false}}},
		{"successes in a row", corev1.Probe{PeriodSeconds: 1, SuccessThreshold: 2, FailureThreshold: 1}, "+-++", false, []verdict{{1, false}, {3, true}}},
		{"told once", corev1.Probe{PeriodSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1}, "+++--", false, []verdict{{0, true}, {3, false}}},
		{"no answer is no verdict", corev1.Probe{PeriodSeconds: 1, SuccessThreshold: 1, FailureThreshold: 2}, "-?-", false, []verdict{{2, false}}},
		{"the first ends it", corev1.Probe{PeriodSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1}, "-+", true, []verdict{{0, false}}},
		{"no thresholds", corev1.Probe{}, "+-", false, []verdict{{0, true}, {1, false}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				began, next := time.Now(), 0
				p := &prober{spec: &row.spec, since: began, check: func(context.Context, *corev1.Probe) (bool, error) {
					if next == len(row.answers) {
						cancel()
						return false, nil
					}
					next++
					switch row.answers[next-1] {
					case '?':
						return false, errors.New("no answer")
					default:
						return row.answers[next-1] == '+', nil
					}
				}}
				var got []verdict
				p.repeat(ctx, func(ok bool) bool {
					got = append(got, verdict{int(time.Since(began).Seconds()), ok})
					return !row.stopAt
				})
				cancel()
				if !slices.Equal(got, row.want) {
					t.Errorf("got %v, want %v", got, row.want)
				}
			})
		})
	}
}
