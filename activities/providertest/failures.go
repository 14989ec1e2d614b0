package providertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

// start runs the command of a rollout that gives it pods, and returns that and the
// first one that a revision which is not ready cannot go on with.
func (b *bench) start(list []command) (starts, shift command) {
	b.Helper()
	starts, shift = list[1], list[2]
	if b.Sized {
		b.do(starts)
		starts = shift
	}
	if err := starts.run(b.ctx, starts.work); err != nil {
		b.Fatalf("%s: %v", starts.name, err)
	}
	return starts, shift
}

func unready(b *bench) {
	stable := b.serve()
	list := b.rollout("v2", stable)
	b.do(list[0])
	b.Hold("v2")
	deploy, shift := b.start(list)
	o := b.observe(deploy.work)
	if o.Ready || o.Failure != "" || o.Progress == "" {
		b.Errorf("observed %+v, want a revision that is not ready, and what it waits for", o)
	}
	writes := b.Writes()
	if !b.Sized {
		b.wantKind(shift.run(b.ctx, shift.work), rollout.Transient)
	}
	if err := deploy.run(b.ctx, deploy.work); err != nil {
		b.Errorf("deploy again: %v", err)
	}
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes while nothing was ready", n)
	}
	if o = b.observe(deploy.work); !b.Sized {
		b.wantSplit(o, only(stable))
	} else if o.Settled {
		b.Errorf("observed %+v, want it not to be settled without pods", o)
	}
	b.MakeReady("v2")
	o = b.until(deploy.work, "the revision to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
	if !b.Sized {
		b.wantSplit(o, only(stable))
	}
	if o = b.do(shift); o.Split.Of(o.Revision) != 25 {
		b.Errorf("split is %s, want 25%% for %s", o.Split, o.Revision)
	}
}

func failed(b *bench) {
	stable := b.serve()
	list := b.rollout("v2", stable)
	b.do(list[0])
	const reason = "the database is not reachable"
	b.Fail("v2", reason)
	deploy, shift := b.start(list)
	o := b.until(deploy.work, "the failure", func(o rollout.Observed) bool { return o.Failure != "" && o.Settled != b.Sized })
	if o.Ready || !strings.Contains(o.Failure, reason) {
		b.Errorf("observed ready %v, failure %q, want %q", o.Ready, o.Failure, reason)
	}
	writes := b.Writes()
	if !b.Sized {
		b.wantKind(shift.run(b.ctx, shift.work), rollout.Failed)
	}
	if err := deploy.run(b.ctx, deploy.work); err != nil {
		b.Errorf("deploy again: %v", err)
	}
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes for a revision that failed", n)
	}
	restore := command{"restore", deploy.work, b.Platform.Restore}
	b.wantSplit(b.do(restore), only(stable))
	b.do(command{"remove", deploy.work, b.Platform.Remove})
	for _, c := range b.rollout("v3", stable) { // the next release is not harmed
		o = b.do(c)
	}
	b.wantSplit(o, only(o.Revision))
}

func retry(b *bench) {
	stable := b.serve()
	attempt := func(n int) []command {
		list := b.rollout("v2", stable)
		for i := range list {
			list[i].work.Attempt = n
		}
		return list
	}
	b.Fail("v2", "no memory")
	b.do(attempt(1)[0])
	starts, _ := b.start(attempt(1))
	first := b.until(starts.work, "the failure", func(o rollout.Observed) bool { return o.Failure != "" })
	b.Fail("v2", "")
	if o := b.observe(attempt(2)[1].work); o.Revision == first.Revision || o.Failure != "" {
		b.Errorf("retried, it is observed as %+v, want another revision than %s, which failed", o, first.Revision)
	}
	second := b.do(attempt(2)[1])
	if !second.Ready {
		b.Errorf("retried, it is observed as %+v, want it ready", second)
	}
	writes := b.Writes()
	for _, n := range []int{1, 3} { // a new rollout of the release; a retry for another reason
		if o := b.do(attempt(n)[1]); o.Revision != second.Revision || !o.Ready {
			b.Errorf("attempt %d has %+v, want %s, which is ready", n, o, second.Revision)
		}
	}
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes, although a ready revision was there", n)
	}
	var o rollout.Observed
	for _, c := range attempt(3) {
		o = b.do(c)
	}
	b.wantSplit(o, only(second.Revision))
}

func changed(b *bench) {
	stable := b.serve()
	w := b.rollout("v2", stable)[1].work
	o := b.observe(w)
	if err := b.Platform.Changed(b.ctx, w, rollout.Observed{}); err != nil {
		b.Errorf("what differs already: %v", err)
	}
	ended, end := context.WithCancel(b.ctx)
	result := make(chan error, 1)
	go func() { result <- b.Platform.Changed(ended, w, o) }()
	end()
	if err := <-result; !errors.Is(err, context.Canceled) {
		b.Errorf("its context ended: %v", err)
	}
	go func() { result <- b.Platform.Changed(b.ctx, w, o) }()
	b.do(b.rollout("v2", stable)[1])
	if err := <-result; err != nil {
		b.Errorf("a revision was deployed: %v", err)
	}
}

func drift(b *bench) {
	first := b.serve()
	list := b.rollout("v2", first)
	if b.Forgets {
		list = list[:4] // while the first is still there
	}
	var o rollout.Observed
	for _, c := range list {
		o = b.do(c)
	}
	mark := o.Mark()
	if what := rollout.Drifted(o, mark, nil); what != "" {
		b.Errorf("drift where there is none: %s", what)
	}
	b.Meddle("mallory", first)
	w := b.Work("v2")
	o = b.until(w, "the change", func(o rollout.Observed) bool {
		return b.Sized && o.By == "mallory" || o.Settled && o.Split.Of(first) == 100
	})
	if o.By != "mallory" || o.Generation <= mark.Generation {
		b.Errorf("changed by %q in generation %d after %d, want mallory in a newer one", o.By, o.Generation, mark.Generation)
	}
	if what := rollout.Drifted(o, mark, mark.Split); !strings.Contains(what, "mallory") {
		b.Errorf("drift is %q, want mallory's", what)
	}
}

func rollBack(b *bench) {
	first := b.serve()
	var o rollout.Observed
	for _, c := range b.rollout("v2", first) {
		o = b.do(c)
	}
	second := o.Revision
	b.wantSplit(o, only(second))
	if len(o.Split.Serving()) != 1 {
		b.Errorf("split is %s, want one revision", o.Split)
	}
	list := b.rollout("v1", second)
	b.do(list[0])
	writes := b.Writes()
	o = b.do(list[1])
	if o.Revision != first || !o.Ready {
		b.Errorf("observed %+v, want %s, which is ready", o, first)
	}
	if n := b.Writes() - writes; (n != 0) != b.Forgets {
		b.Errorf("%d writes to deploy what was there before", n)
	}
	b.wantSplit(o, only(second))
	for _, c := range list[2:] {
		o = b.do(c)
	}
	b.wantSplit(o, only(first))
}

func ownership(b *bench) {
	stable := b.serve()
	w := b.Work("v2")
	w.Pipeline, w.Stable, w.Weight = "another", stable, 25
	problems, err := b.Platform.Check(b.ctx, w)
	if err != nil || len(problems) == 0 || !strings.Contains(problems[0].Text, b.Work("v1").Pipeline) {
		b.Errorf("check found %v, %v, want the owner", problems, err)
	}
	writes := b.Writes()
	for _, c := range []command{
		{"deploy", w, b.Platform.Deploy},
		{"promote", w, b.Platform.Promote},
		{"set weight", w, b.Platform.SetWeight},
		{"restore", w, b.Platform.Restore},
		{"remove", w, b.Platform.Remove},
	} {
		b.Run(c.name, func(t *testing.T) {
			if kind := rollout.KindOf(c.run(b.ctx, c.work)); kind != rollout.Conflict {
				t.Errorf("kind is %q, want %q", kind, rollout.Conflict)
			}
		})
	}
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes to an object of another pipeline", n)
	}
}

func record(b *bench) {
	stable := b.serve()
	w := b.Work("v2")
	w.Stable = stable
	spec, err := b.Platform.Record(b.ctx, w)
	if err != nil || !strings.Contains(string(spec), stable) {
		b.Errorf("record is %q, %v, want it to name %s", spec, err, stable)
	}
	again, err := b.Platform.Record(b.ctx, w)
	if err != nil || string(again) != string(spec) {
		b.Errorf("recorded again, with no change between, it is %q, %v", again, err)
	}
}
