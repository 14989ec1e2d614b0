package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// secret is the variable of the worker that signs notices.
const secret = "SERIN_SECRET_RECORD"

// newOutside is what jobs talk to: a server of metrics that answers the query vector(N) with N, one
// below /down that does not, and the webhooks /yes, /no, and /seen, which receives notices.
func newOutside() *httptest.Server {
	number := regexp.MustCompile(`vector\(([0-9]+)\)`)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		value := number.FindStringSubmatch(r.FormValue("query"))
		if value == nil {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"%s"]}]}}`, value[1])
	})
	mux.HandleFunc("/down/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) })
	mux.HandleFunc("/no", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	yes := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("/yes", yes)
	mux.HandleFunc("/seen", yes)
	return httptest.NewServer(mux)
}

// task is the code of the images of jobs: task/good, task/bad and task/slow.
func task(ctx context.Context, c cloudruntest.Container) int {
	_, _ = io.WriteString(c.Log, c.Image+"\n")
	switch c.Image {
	case "task/good":
		return 0
	case "task/slow":
		<-ctx.Done()
	}
	return 3
}

// runs is a task of one container.
func runs(image string) string { return "{tasks: [{container: {image: " + image + "}}]}" }

// analyzed is an analysis of two seconds that asks for one number, which must not be above 1.
func analyzed(url string, value int) string {
	return fmt.Sprintf("{duration: 2s, unreachableAfter: 1m, prometheus: {address: '%s', checks: [{id: errors, query: 'vector(%d)', interval: 1s, max: 1}]}}", url, value)
}

// withJobs makes v2 a canary of one phase, with further keys of canaryDeployment and of canary. Its
// phases begin by themselves.
func withJobs(p *player, jobs, canary func(url string) string) error {
	extra := "advance: {mode: automatic}"
	if jobs != nil {
		extra += "\n" + jobs(p.outside.URL)
	}
	p.config.Canary = world.Percentages([]int{25}, strings.ReplaceAll(extra, "\n", "\n  "))
	if canary != nil {
		p.config.Canary += "\n" + canary(p.outside.URL)
	}
	return steps(func() error { return p.apply(p.config.YAML()) }, func() error { return p.release("v2") })
}

func jobs() []path { return slices.Concat(verdicts(), held(), webhooks(), told()) }

// askedAbout waits until a person is asked for a reason.
func (p *player) askedAbout(reason string) error {
	return p.until("v2", waitsForText(rollout.WaitPerson, reason))
}

func verdicts() []path {
	return []path{
		{name: "jobs", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, func(url string) string {
					return "predeploy: " + runs("task/good") + "\nverifyConfig: " + runs("task/good") + "\nanalysis: " + analyzed(url, 0) + "\npostdeploy: " + runs("task/good")
				}, nil)
			}
			return steps(made, p.ended(rollout.StateSucceeded))
		}},
		{name: "analysis-failed", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, func(url string) string { return "analysis: " + analyzed(url, 5) }, nil)
			}
			return steps(
				made,
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error {
					return p.command(rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobAnalysis})
				},
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.ended(rollout.StateCancelled),
			)
		}},
	}
}

func held() []path {
	return []path{
		{name: "verify-held", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, func(string) string { return "verifyConfig: " + runs("nobody/knows") }, nil)
			}
			return steps(
				made,
				func() error { return p.askedAbout("inconclusive") },
				func() error { return p.command(rollout.CommandResume, rollout.Command{}) },
				func() error { return p.until("v2", happened(rollout.EventResumed)) },
				func() error { return p.askedAbout("inconclusive") },
				func() error {
					return p.command(rollout.CommandResume, rollout.Command{Phase: "canary-25", Job: rollout.JobVerify, Accept: true})
				},
				func() error { return p.askedAbout("verify of stable") },
				func() error {
					return p.command(rollout.CommandResume, rollout.Command{Phase: rollout.StablePhase, Job: rollout.JobVerify, Accept: true})
				},
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "verify-terminated", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, func(string) string { return "verifyConfig: " + runs("task/slow") }, nil)
			}
			return steps(
				made,
				func() error { return p.until("v2", runsJob("canary-25", rollout.JobVerify)) },
				func() error {
					return p.command(rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobVerify})
				},
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.ended(rollout.StateCancelled),
			)
		}},
		{name: "metrics-down", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, func(url string) string { return "analysis: " + analyzed(url+"/down", 0) }, nil)
			}
			return steps(
				made,
				func() error { return p.until("v2", waitsFor(rollout.WaitMetrics)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{Restore: true}) },
				p.ended(rollout.StateCancelled),
			)
		}},
	}
}

func webhooks() []path {
	return []path{
		{name: "gate", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, nil, func(url string) string {
					return "webhooks:\n- {id: people, type: confirm-promotion, url: '" + url + "/no', interval: 1s}\n- {id: ready, type: confirm-rollout, url: '" + url + "/yes'}"
				})
			}
			return steps(
				made,
				func() error { return p.askedAbout("webhook people") },
				func() error { return p.command(rollout.CommandAdvance, rollout.Command{Phase: rollout.StablePhase}) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "webhook-back", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, nil, func(url string) string {
					return "webhooks:\n- {id: people, type: confirm-promotion, url: '" + url + "/no', interval: 1s}\n- {id: back, type: rollback, url: '" + url + "/yes', interval: 1s}"
				})
			}
			return steps(
				made,
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.ended(rollout.StateCancelled),
			)
		}},
	}
}

func told() []path {
	return []path{
		{name: "bake", first: "v1", play: func(p *player) error {
			made := func() error {
				return withJobs(p, nil, func(url string) string {
					return fmt.Sprintf("bake: {duration: 2s, analysis: {unreachableAfter: 1m, prometheus: {address: '%s', checks: [{id: errors, query: 'vector(5)', interval: 1s, max: 1}]}}}", url)
				})
			}
			return steps(
				made,
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error { return p.over(p.rollout("v2"), rollout.StateFailed, "rollout-bake") },
				func() error { return p.keepLane(p.name+"-prod", "lane-bake") },
			)
		}},
		{name: "notices", yaml: func(p *player) []byte {
			return append(p.config.YAML(), fmt.Appendf(nil, "---\napiVersion: serin.dev/v1\nkind: Notification\nmetadata: {name: notices}\nselectors: [{deliveryPipeline: {id: notices}}]\nwebhook: {url: '%s/seen', secret: {env: %s}}\n", p.outside.URL, secret)...)
		}, play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				p.ended(rollout.StateSucceeded),
				func() error { return p.files.keep(p.ctx, "notifier", rollout.NotifierID) },
			)
		}},
	}
}

// waitsForText is waitsFor with a part of the reason.
func waitsForText(what rollout.WaitFor, text string) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return waitsFor(what)(r) && strings.Contains(r.Waiting.Reason, text) }
}

func runsJob(phase string, job rollout.JobKind) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		j := r.Job(phase, job)
		return j != nil && j.State == rollout.JobInProgress
	}
}
