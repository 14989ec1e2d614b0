// Package providertest has the laws that every activities.Platform passes, the
// fake included. So what is tested over the fake holds for the platforms.
package providertest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// When says which side of a lost write a test is on.
type When string

// A write can break before the platform has it, or after.
const (
	Before When = "before" // the platform never sees it
	After  When = "after"  // the platform does it, the answer is lost
)

// Harness is one fresh platform on which nothing is deployed, and the hands of
// everybody else who touches it.
type Harness struct {
	Platform activities.Platform

	// Forgets says that a revision is gone once another has been promoted over it.
	// Going back to it is deploying it again, which gives it the same name.
	Forgets bool

	// Sized says that a split is a number of pods. So a revision has none before it has
	// a share, a share counts from when its pods are asked for and settles with them, and all
	// requests are for a promotion only.
	Sized bool

	// Work returns what every step of the release's rollout knows, to the same empty
	// target: weight 0 and no stable revision. The same release gives the same
	// Work. It has at least one canary tag, one prior and one stable tag where the platform has tags.
	Work func(release string) activities.Work

	// Promotion returns w with what only the stable phase has, where each phase has a
	// manifest of its own. Without it all phases have that of Work.
	Promotion func(w activities.Work) activities.Work

	// Keep stores what Record has returned, and returns its digest. Without it no
	// rollout has a baseline.
	Keep func(spec []byte) (digest string)

	Hold      func(release string) // its revisions, made from now on, stay unready until MakeReady
	MakeReady func(release string)
	Fail      func(release, reason string) // the platform will give up on its revisions, for reason; "" ends that for new ones
	Meddle    func(by, revision string)    // somebody gives an existing revision all requests

	// Break lets one write fail as a network does: the next after skip others. Mend
	// takes that back if it has not happened.
	Break func(skip int, when When) (mend func())

	// Writes returns how many writes were sent so far, broken ones included.
	Writes func() int
}

// timeout bounds what happens on one platform. It is met only by a law that does not hold.
const timeout = time.Minute

// together is how many platforms one law may use at a time.
const together = 6

// Run holds the platforms that fresh makes to the laws, each law to a new one.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	t.Helper()
	for _, law := range laws() {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			law.hold(newBench(t, fresh))
		})
	}
}

type law struct {
	name string
	hold func(b *bench)
}

func laws() []law {
	return []law{
		{"nothing deployed is an answer, and nothing is written to it", nothing},
		{"a first rollout creates what it deploys to", firstRollout},
		{"a deployment takes no requests from anybody", deployGivesNothing},
		{"the same release is the same revision, another is another", revisionNames},
		{"every weight reads back as the split that was announced", weightsReadBack},
		{"a weight that nothing can make up to 100 is refused", impossibleWeights},
		{"a repeated command writes nothing", repeats},
		{"restore gives stable everything, wherever the rollout stands", restoreFromAnywhere},
		{"a stable revision that does not exist is an error and moves nothing", unknownStable},
		{"a revision that is not ready receives nothing", unready},
		{"a revision that failed says why and stable keeps its requests", failed},
		{"a retry makes another revision where one failed, and only there", retry},
		{"a broken write, repeated, converges", broken},
		{"changed returns on a change and when its context ends", changed},
		{"what somebody else did is visible", drift},
		{"after promotion the release has everything and can be gone back from", rollBack},
		{"deploying again what serves already keeps everything there", redeploy},
		{"a stable revision where nothing exists is an error", nowhere},
		{"an object of another pipeline is refused", ownership},
		{"a record says what is live", record},
	}
}

// bench is one platform under one law.
type bench struct {
	*testing.T
	Harness
	ctx      context.Context
	fresh    func(t *testing.T) Harness
	baseline string // digest of what a rollout begins with, where one is kept
}

func newBench(t *testing.T, fresh func(t *testing.T) Harness) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return &bench{T: t, Harness: fresh(t), ctx: ctx, fresh: fresh}
}

// again is another fresh platform for the same law.
func (b *bench) again(t *testing.T) *bench {
	t.Helper()
	return newBench(t, b.fresh)
}

// each holds every case to the law on a fresh platform of its own.
func each[C fmt.Stringer](b *bench, cases []C, hold func(*bench, C)) {
	b.Helper()
	slots := make(chan struct{}, together)
	var all sync.WaitGroup
	for _, c := range cases {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			b.Run(c.String(), func(t *testing.T) { hold(b.again(t), c) })
		})
	}
	all.Wait()
}

// command is one call of a rollout and what it is called with.
type command struct {
	name string
	work activities.Work
	run  func(context.Context, activities.Work) error
}

// rollout returns the commands of a whole rollout, in order. Where stable is "",
// it is a first one, which has no canary phases.
func (b *bench) rollout(release, stable string) []command {
	p, w := b.Platform, b.Work(release)
	w.Stable, w.Baseline = stable, b.baseline
	at := func(phase string, weight rollout.Weight) activities.Work {
		w := w
		w.Phase, w.Weight, w.Promotion = phase, weight, phase == rollout.StablePhase
		return w
	}
	list := []command{{"settle", at("canary-25", 0), p.SetWeight}}
	if stable != "" {
		list = append(
			list,
			command{"deploy", at("canary-25", 25), p.Deploy},
			command{"set weight 25", at("canary-25", 25), p.SetWeight},
			command{"set weight 50", at("canary-50", 50), p.SetWeight},
		)
	}
	last := b.promotion(at(rollout.StablePhase, 100))
	return append(list, command{"promote", last, p.Promote}, command{"set weight 100", last, p.SetWeight}, command{"remove", last, p.Remove})
}

func (b *bench) promotion(w activities.Work) activities.Work {
	if b.Promotion == nil {
		return w
	}
	return b.Promotion(w)
}

// do runs c and waits until the platform is done with it.
func (b *bench) do(c command) rollout.Observed {
	b.Helper()
	if err := c.run(b.ctx, c.work); err != nil {
		b.Fatalf("%s: %v", c.name, err)
	}
	return b.quiet(c.work)
}

// serve takes v1 through a whole first rollout and returns its revision.
func (b *bench) serve() string {
	b.Helper()
	for _, c := range b.rollout("v1", "") {
		b.do(c)
	}
	return b.observe(b.Work("v1")).Revision
}

func (b *bench) observe(w activities.Work) rollout.Observed {
	b.Helper()
	o, err := b.Platform.Observe(b.ctx, w)
	if err != nil {
		b.Fatalf("observe: %v", err)
	}
	return o
}

// quiet waits until the platform is not busy.
func (b *bench) quiet(w activities.Work) rollout.Observed {
	b.Helper()
	return b.until(w, "the platform to be settled", func(o rollout.Observed) bool { return o.Settled })
}

// until watches w until what it waits for is observed.
func (b *bench) until(w activities.Work, what string, met func(rollout.Observed) bool) rollout.Observed {
	b.Helper()
	for {
		o := b.observe(w)
		if met(o) {
			return o
		}
		if err := b.Platform.Changed(b.ctx, w, o); err != nil {
			b.Fatalf("waiting for %s, seen %+v: %v", what, o, err)
		}
	}
}

// wantSplit fails the law unless o has the shares of want and they sum to 100.
func (b *bench) wantSplit(o rollout.Observed, want rollout.Split) {
	b.Helper()
	if !o.Split.SameTraffic(want) {
		b.Errorf("split is %s, want %s", o.Split, want)
	}
	if sum := total(o.Split); len(o.Split) > 0 && sum != 100 {
		b.Errorf("split %s sums to %d, want 100", o.Split, sum)
	}
}

func (b *bench) wantKind(err error, want rollout.Kind) {
	b.Helper()
	if got := rollout.KindOf(err); got != want {
		b.Errorf("error is %v of kind %q, want kind %q", err, got, want)
	}
}

func total(s rollout.Split) rollout.Weight {
	var sum rollout.Weight
	for _, share := range s {
		sum += share.Percent
	}
	return sum
}

func only(revision string) rollout.Split {
	return rollout.Split{{Revision: revision, Percent: 100}}
}
