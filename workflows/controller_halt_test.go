package workflows_test

import (
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// halts: some children come through a phase and others do not.
func halts() []fleetRow {
	retry := rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}
	return []fleetRow{
		{
			name: "one of three fails: HALTED, retried, SUCCEEDED", children: three(),
			setup: func(f *fleet) {
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.advance(1*time.Hour, "canary-50") // refused
				f.at(2*time.Hour, func() { f.platform.FailAt("eu", "v2", "") })
				f.child(3*time.Hour, "eu", rollout.CommandRetryJob, retry)
				f.advance(4*time.Hour, "canary-50")
				f.advance(5*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2-2 100%; us shop-v2 100%",
			path: slices.Concat([]string{
				"created", "granted",
				"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS, us canary-25 IN_PROGRESS, us canary-25 SUCCEEDED",
				"halted: 1 of 3 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 3 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				went("canary-25", "eu"),
			}, onward("asia", "eu", "us")),
			refused: []string{
				"advance v2-to-all-0001: the rollout is HALTED, not IN_PROGRESS",
			},
		},
		{
			name: "its failed job is ignored, and only a person goes on from no requests at all", children: three()[:2],
			setup: func(f *fleet) {
				f.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.child(1*time.Hour, "eu", rollout.CommandIgnoreJob, retry)
				f.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 75%, shop-v2 25%; eu shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"halted: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				went("canary-25", "eu"),
				"waits for advance: traffic of eu was restored, and canary-25 ignored; canary-50 gives the release 50%",
				"cancelling by ann",
				"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "HALTED and cancelled", children: three()[:2],
			setup: func(f *fleet) {
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann", Restore: true})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 100%; eu shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"halted: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"cancelling: restore by ann",
				"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 FAILED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "all fail: FAILED, the lane is free; a retry takes it again", children: three()[:2],
			setup: func(f *fleet) {
				f.platform.Fail("v2", "it exits with 1")
				f.at(1*time.Hour, func() { f.platform.Fail("v2", "") })
				f.child(2*time.Hour, "eu", rollout.CommandRetryJob, retry)
				f.child(3*time.Hour, "asia", rollout.CommandRetryJob, retry)
				f.command(4*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 75%, shop-v2-2 25%; eu shop-v1 75%, shop-v2-2 25%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"failed: 2 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release)), eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for lane: asks for its lane again",
				"granted",
				went("canary-25", "eu"),
				"halted: 1 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				went("canary-25", "asia"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"cancelling by ann",
				"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "one fails in stable: FAILED; a newer rollout closes it", children: three()[:2],
			setup: func(f *fleet) {
				f.plan.Phases = f.plan.Phases[2:]
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v2 100%; eu shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia stable IN_PROGRESS, asia stable SUCCEEDED, eu stable FAILED, eu stable IN_PROGRESS",
				"failed: 1 of 2 children failed: eu (stable: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release)); promoted, and stay: asia",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
	}
}

func waved() []rollout.Child {
	return []rollout.Child{{Target: "asia"}, {Target: "eu", Wave: 1}, {Target: "us", Wave: 1}}
}

// waves: in each phase a wave begins when the one before is done.
func waves() []fleetRow {
	return []fleetRow{
		{
			name: "a wave waits for the one before", children: waved(),
			setup: func(f *fleet) {
				f.advance(2*time.Hour, "canary-50")
				f.advance(3*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%; us shop-v2 100%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia", "eu", "us"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				went("canary-50", "asia", "eu", "us"),
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann",
				went("stable", "asia", "eu", "us"),
				"ended SUCCEEDED",
			},
		},
		{
			name: "no wave begins after one that failed", children: waved(),
			setup: func(f *fleet) {
				f.platform.FailAt("asia", "v2", "it exits with 1")
				f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS",
				"failed: 1 of 3 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"cancelling by ann",
				"asia canary-25 FAILED CANCELLED",
				"ended CANCELLED",
			},
		},
	}
}

// budgets: how many children may fail.
func budgets() []fleetRow {
	of := func(n int) *int { return &n }
	return []fleetRow{
		{
			name: "a failure within the budget holds no wave back", children: waved(),
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(1)
				f.platform.FailAt("asia", "v2", "it exits with 1")
				f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 100%; eu shop-v1 75%, shop-v2 25%; us shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, eu canary-25 IN_PROGRESS, eu canary-25 SUCCEEDED, us canary-25 IN_PROGRESS, us canary-25 SUCCEEDED",
				"halted: 1 of 3 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 3 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"cancelling by ann",
				"asia canary-25 FAILED CANCELLED, eu canary-25 SUCCEEDED CANCELLED, us canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "over the budget: what is not promoted follows its onFailure", children: []rollout.Child{{Target: "asia"}, {Target: "eu"}, {Target: "us", Wave: 1}},
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(0)
				f.at(1*time.Hour-time.Second, func() { f.platform.FailAt("us", "v2", "it exits with 1") })
				f.advance(1*time.Hour, "canary-50")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v1 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia", "eu", "us"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				"asia canary-50 FAILED, asia canary-50 IN_PROGRESS, asia canary-50 SUCCEEDED, eu canary-50 FAILED, eu canary-50 IN_PROGRESS, eu canary-50 SUCCEEDED, us canary-50 FAILED, us canary-50 IN_PROGRESS",
				"failed: 1 of 3 children failed: us (canary-50: deploy shop-v2 to us: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0; stopped over the failure budget: asia, eu",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
		{
			name: "over the budget: jobs that run are terminated, and with hold traffic stays", children: three(),
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget, f.plan.OnFailure = of(0), rollout.OnFailureHold
				f.platform.Hold("v2")
				f.platform.FailAt("us", "v2", "it exits with 1")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v1 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, eu canary-25 FAILED, eu canary-25 IN_PROGRESS, us canary-25 FAILED, us canary-25 IN_PROGRESS",
				"failed: 1 of 3 children failed: us (canary-25: deploy shop-v2 to us: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0; stopped over the failure budget: asia, eu",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
		{
			name:     "over the budget in stable: promoted ones stay and are listed, and no further wave begins",
			children: []rollout.Child{{Target: "asia"}, {Target: "eu", Wave: 1}, {Target: "us", Wave: 2}},
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(0)
				f.plan.Phases = f.plan.Phases[2:]
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v2 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted", went("stable", "asia") + ", eu stable FAILED, eu stable IN_PROGRESS",
				"failed: 1 of 3 children failed: eu (stable: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0; promoted, and stay: asia",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
		{
			name: "a person's retry is not bound by the budget", children: waved()[:2],
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(0)
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.at(1*time.Hour, func() { f.platform.FailAt("eu", "v2", "") })
				for i, target := range []string{"eu", "asia"} {
					f.child(time.Duration(2+i)*time.Hour, target, rollout.CommandRetryJob,
						rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				}
				f.advance(5*time.Hour, "canary-50")
				f.advance(6*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2-2 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"failed: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0; stopped over the failure budget: asia",
				"waits for lane: asks for its lane again",
				"granted",
				went("canary-25", "eu"),
				"halted: stopped over the failure budget: asia",
				"waits for person: stopped over the failure budget: asia",
				went("canary-25", "asia"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				went("canary-50", "asia", "eu"),
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann",
				went("stable", "asia", "eu"),
				"ended SUCCEEDED",
			},
		},
	}
}

func fleetCancels() []fleetRow {
	return []fleetRow{{
		name: "cancel reaches a child whose job runs, and leaves traffic", children: three()[:2],
		setup: func(f *fleet) {
			f.advance(1*time.Hour, "canary-50")
			f.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
		},
		want: rollout.StateCancelled, serves: "asia shop-v1 50%, shop-v2 50%; eu shop-v1 50%, shop-v2 50%",
		path: []string{
			"created",
			"granted",
			went("canary-25", "asia", "eu"),
			"waits for advance: canary-25 is done; canary-50 gives the release 50%",
			"canary-50 advanced by ann",
			went("canary-50", "asia", "eu"),
			"waits for advance: canary-50 is done; stable gives the release 100%",
			"cancelling by ann",
			"asia canary-50 SUCCEEDED CANCELLED, eu canary-50 SUCCEEDED CANCELLED",
			"ended CANCELLED",
		},
	}}
}

// fleetFirsts: where nothing serves, there is nothing to compare with.
func fleetFirsts() []fleetRow {
	return []fleetRow{{
		name: "the first rollout goes to stable by itself", children: three()[:2],
		setup: func(f *fleet) { f.grant.First = true },
		want:  rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%",
		path: []string{
			"created",
			"granted",
			"asia canary-25 IN_PROGRESS, asia canary-50 SKIPPED, asia stable IN_PROGRESS, asia stable SUCCEEDED, eu canary-25 IN_PROGRESS, eu canary-50 SKIPPED, eu stable IN_PROGRESS, eu stable SUCCEEDED",
			"ended SUCCEEDED",
		},
	}}
}
