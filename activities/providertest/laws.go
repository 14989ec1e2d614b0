package providertest

import (
	"fmt"
	"reflect"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func nothing(b *bench) {
	w := b.Work("v1")
	o := b.observe(w)
	want := rollout.Observed{Revision: o.Revision, Settled: true, StableReady: true, Missing: o.Missing} // no stable revision to wait for
	if o.Revision == "" || !reflect.DeepEqual(o, want) {
		b.Errorf("observed %+v, want only a revision's name in %+v", o, want)
	}
	if spec, err := b.Platform.Record(b.ctx, w); err != nil || spec != nil {
		b.Errorf("record is %q, %v, want nothing", spec, err)
	}
	next, err := b.Platform.Next(b.ctx, w)
	if err != nil || len(next) > 0 {
		b.Errorf("next is %s, %v, want nothing", next, err)
	}
	for _, c := range []command{
		{"set weight 0", w, b.Platform.SetWeight}, {"remove", w, b.Platform.Remove}, {"restore", w, b.Platform.Restore},
	} {
		if err := c.run(b.ctx, c.work); err != nil {
			b.Errorf("%s: %v", c.name, err)
		}
	}
	if n := b.Writes(); n != 0 {
		b.Errorf("%d writes, want none", n)
	}
	if b.observe(w).Exists {
		b.Error("something exists now")
	}
}

func firstRollout(b *bench) {
	list := b.rollout("v1", "")
	before, after := b.promotion(b.Work("v1")), list[len(list)-1].work
	for _, w := range []activities.Work{before, after} {
		if problems, err := b.Platform.Check(b.ctx, w); err != nil || len(problems) > 0 {
			b.Errorf("check found %v, %v, want nothing", problems, err)
		}
	}
	revision := b.serve()
	for _, w := range []activities.Work{before, after} {
		o := b.observe(w)
		b.wantSplit(o, only(revision))
		if !o.Exists || o.Failure != "" || o.By == "" || o.Generation == 0 {
			b.Errorf("observed %+v, want the revision and who made it", o)
		}
		if canary := b.Forgets && !w.Promotion; o.Ready == canary { // one that forgets has no canary any more
			b.Errorf("observed %+v, want ready %v", o, !canary)
		}
	}
}

func deployGivesNothing(b *bench) {
	stable := b.serve()
	list := b.rollout("v2", stable)
	b.do(list[0])
	o := b.do(list[1])
	b.wantSplit(o, only(stable))
	if !o.Ready || o.Revision == stable {
		b.Errorf("observed %+v, want another revision that is ready", o)
	}
}

func revisionNames(b *bench) {
	w := b.Work("v1")
	before := b.observe(w).Revision
	b.serve()
	if after := b.observe(b.Work("v1")).Revision; after != before {
		b.Errorf("revision is %s after the rollout, %s before", after, before)
	}
	if other := b.observe(b.Work("v2")).Revision; other == before {
		b.Errorf("both releases have revision %s", other)
	}
}

func weightsReadBack(b *bench) {
	stable := b.serve()
	list := b.rollout("v2", stable)
	b.do(list[0])
	revision := b.do(list[1]).Revision
	weights := []rollout.Weight{1, 25, 50, 99, 100, 10, 0}
	if b.Sized {
		weights = []rollout.Weight{1, 25, 50, 75, 10, 0} // 99 asks for 99 times the pods
		w := list[1].work
		w.Weight = 100
		b.wantKind(b.Platform.SetWeight(b.ctx, w), rollout.Invalid)
	}
	for _, weight := range weights {
		w := list[1].work
		w.Weight = weight
		next, err := b.Platform.Next(b.ctx, w)
		if err != nil {
			b.Fatalf("next at %d: %v", weight, err)
		}
		if next.Of(revision) != weight || next.Of(stable) != 100-weight || total(next) != 100 {
			b.Errorf("next at %d is %s", weight, next)
		}
		b.wantSplit(b.do(command{fmt.Sprintf("set weight %d", weight), w, b.Platform.SetWeight}), next)
	}
}

func impossibleWeights(b *bench) {
	stable := b.serve()
	for _, weight := range []rollout.Weight{-1, 101} {
		w := b.Work("v2")
		w.Stable, w.Weight = stable, weight
		b.wantKind(b.Platform.SetWeight(b.ctx, w), rollout.Invalid)
	}
	w := b.Work("v2")
	w.Weight = 25
	b.wantKind(b.Platform.SetWeight(b.ctx, w), rollout.Invalid)
	b.wantSplit(b.observe(b.Work("v1")), only(stable))
}

func repeats(b *bench) {
	list := b.rollout("v1", "")
	list = append(list, b.rollout("v2", b.observe(b.Work("v1")).Revision)...)
	for _, c := range list {
		o := b.do(c)
		writes := b.Writes()
		again := b.do(c)
		if n := b.Writes() - writes; n != 0 {
			b.Errorf("%s of %s: %d writes when repeated", c.name, c.work.Release, n)
		}
		if !reflect.DeepEqual(o, again) {
			b.Errorf("%s of %s: repeated, it changed\n%+v to\n%+v", c.name, c.work.Release, o, again)
		}
	}
}

func restoreFromAnywhere(b *bench) {
	each(b, []after{1, 2, 3, 4}, restoreAfter) // promotion is not undone
}

// after is how many commands of a rollout have been carried out.
type after int

func (n after) String() string { return fmt.Sprintf("after %d commands", int(n)) }

func restoreAfter(b *bench, n after) {
	stable := b.serve()
	w := b.Work("v2")
	w.Stable = stable
	spec, err := b.Platform.Record(b.ctx, w)
	if err != nil || len(spec) == 0 {
		b.Fatalf("record: %q, %v", spec, err)
	}
	if b.Keep != nil {
		b.baseline = b.Keep(spec)
		w.Baseline = b.baseline
	}
	for _, c := range b.rollout("v2", stable)[:n] {
		b.do(c)
	}
	restore := command{"restore", w, b.Platform.Restore}
	b.wantSplit(b.do(restore), only(stable))
	writes := b.Writes()
	b.do(restore)
	if b.Writes() != writes {
		b.Errorf("%s wrote again when repeated", restore.name)
	}
	b.do(command{"remove", w, b.Platform.Remove})
	b.wantSplit(b.do(command{"remove", w, b.Platform.Remove}), only(stable))
}

func nowhere(b *bench) {
	w := b.Work("v2")
	w.Stable, w.Weight = "gone", 25
	for _, c := range []command{
		{"deploy", w, b.Platform.Deploy}, {"set weight", w, b.Platform.SetWeight}, {"restore", w, b.Platform.Restore},
	} {
		b.wantKind(c.run(b.ctx, c.work), rollout.NotFound)
	}
	if o := b.observe(w); b.Writes() != 0 || o.Exists || o.StableReady {
		b.Errorf("%d writes, observed %+v", b.Writes(), o)
	}
}

func redeploy(b *bench) {
	stable := b.serve()
	for _, c := range b.rollout("v1", stable) {
		next, err := b.Platform.Next(b.ctx, c.work)
		if err != nil || !next.SameTraffic(only(stable)) {
			b.Errorf("%s: next is %s, %v", c.name, next, err)
		}
		b.wantSplit(b.do(c), only(stable))
	}
}

func unknownStable(b *bench) {
	stable := b.serve()
	b.do(b.rollout("v2", stable)[1])
	w := b.Work("v2")
	w.Stable, w.Weight = stable+"-gone", 25
	writes := b.Writes()
	b.wantKind(b.Platform.SetWeight(b.ctx, w), rollout.NotFound)
	b.wantKind(b.Platform.Restore(b.ctx, w), rollout.NotFound)
	if o := b.observe(w); o.StableReady {
		b.Error("the revision that does not exist is ready")
	}
	problems, err := b.Platform.Check(b.ctx, w)
	if err != nil || len(problems) == 0 {
		b.Errorf("check found %v, %v, want the missing revision", problems, err)
	}
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes, want none", n)
	}
	b.wantSplit(b.observe(w), only(stable))
}
