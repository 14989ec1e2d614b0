package providertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func unready(b *bench) {
	stable := b.serve()
	list := b.rollout("v2", stable)
	b.do(list[0])
	b.Hold("v2")
	deploy, shift := list[1], list[2]
	if err := deploy.run(b.ctx, deploy.work); err != nil {
		b.Fatalf("deploy: %v", err)
	}
	o := b.observe(deploy.work)
	if o.Ready || o.Failure != "" || o.Progress == "" {
		b.Errorf("observed %+v, want a revision that is not ready, and what it waits for", o)
	}
	writes := b.Writes()
	b.wantKind(shift.run(b.ctx, shift.work), rollout.Transient)
	if err := deploy.run(b.ctx, deploy.work); err != nil {
		b.Errorf("deploy again: %v", err)
	}
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes while nothing was ready", n)
	}
	b.wantSplit(b.observe(deploy.work), only(stable))
	b.MakeReady("v2")
	o = b.until(deploy.work, "the revision to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
	b.wantSplit(o, only(stable))
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
	deploy, shift := list[1], list[2]
	if err := deploy.run(b.ctx, deploy.work); err != nil {
		b.Fatalf("deploy: %v", err)
	}
	o := b.until(deploy.work, "the failure", func(o rollout.Observed) bool { return o.Failure != "" && o.Settled })
	if o.Ready || !strings.Contains(o.Failure, reason) {
		b.Errorf("observed ready %v, failure %q, want %q", o.Ready, o.Failure, reason)
	}
	writes := b.Writes()
	b.wantKind(shift.run(b.ctx, shift.work), rollout.Failed)
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
	first := b.do(attempt(1)[1])
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

func broken(b *bench) {
	for _, release := range []string{"v1", "v2"} {
		for i := range b.rollout(release, map[string]string{"v2": "some revision"}[release]) {
			for _, when := range []When{Before, After} {
				breakAt(b, release, i, when)
			}
		}
	}
}

// breakAt runs the rollout of release with the write of its i-th command broken.
func breakAt(b *bench, release string, i int, when When) {
	b.Helper()
	b = b.again(b.T)
	stable := ""
	if release != "v1" {
		stable = b.serve()
	}
	var o rollout.Observed
	for n, c := range b.rollout(release, stable) {
		if n == i {
			breakWrite(b, c, when)
		}
		o = b.do(c)
	}
	b.wantSplit(o, only(o.Revision))
}

func breakWrite(b *bench, c command, when When) {
	b.Helper()
	sent := b.Writes()
	mend := b.Break(when)
	err := c.run(b.ctx, c.work)
	mend()
	if b.Writes() == sent {
		return // it had nothing to write
	}
	b.wantKind(err, rollout.Transient)
	o := b.quiet(c.work)
	if when == Before {
		return
	}
	sent = b.Writes()
	b.do(c)
	if n := b.Writes() - sent; n != 0 {
		b.Errorf("%s: %d writes, although only the answer was lost", c.name, n)
	}
	if again := b.observe(c.work); again.Generation != o.Generation {
		b.Errorf("%s: generation went from %d to %d", c.name, o.Generation, again.Generation)
	}
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
	var o rollout.Observed
	for _, c := range b.rollout("v2", first) {
		o = b.do(c)
	}
	mark := o.Mark()
	if what := rollout.Drifted(o, mark, nil); what != "" {
		b.Errorf("drift where there is none: %s", what)
	}
	b.Meddle("mallory", first)
	w := b.Work("v2")
	o = b.until(w, "the change", func(o rollout.Observed) bool { return o.Settled && o.Split.Of(first) == 100 })
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
	if n := b.Writes() - writes; n != 0 {
		b.Errorf("%d writes to deploy what exists", n)
	}
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
