package providertest

import (
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

func broken(b *bench) {
	for _, release := range []string{"v1", "v2"} {
		each(b, breaks(b.again(b.T), release), breakAt)
	}
}

// writeBreak is one write of one command of a rollout, and how it breaks.
type writeBreak struct {
	release, name string
	command       int // of the rollout, from 0
	write, of     int // of the command's writes, from 0
	when          When
}

func (w writeBreak) String() string {
	return fmt.Sprintf("%s of %s, %s write %d of %d", w.name, w.release, w.when, w.write+1, w.of)
}

// breaks goes through a whole rollout of release, and lists what can break in it.
func breaks(b *bench, release string) []writeBreak {
	b.Helper()
	var list []writeBreak
	for i, c := range b.begin(release) {
		sent := b.Writes()
		b.do(c)
		writes := b.Writes() - sent
		for n := range writes {
			for _, when := range []When{Before, After} {
				list = append(list, writeBreak{release, c.name, i, n, writes, when})
			}
		}
	}
	return list
}

// begin returns the commands of a rollout of release. All but v1 come after v1.
func (b *bench) begin(release string) []command {
	b.Helper()
	if release == "v1" {
		return b.rollout(release, "")
	}
	return b.rollout(release, b.serve())
}

func breakAt(b *bench, w writeBreak) {
	var o rollout.Observed
	for i, c := range b.begin(w.release) {
		if i == w.command {
			breakWrite(b, c, w)
		}
		o = b.do(c)
	}
	b.wantSplit(o, only(o.Revision))
}

// breakWrite carries c out with one write broken, and, where only an answer was lost,
// once more: then nothing is written that was written already.
func breakWrite(b *bench, c command, w writeBreak) {
	sent := b.Writes()
	mend := b.Break(w.write, w.when)
	err := c.run(b.ctx, c.work)
	mend()
	if n := b.Writes() - sent; n != w.write+1 {
		b.Fatalf("%d writes, want it to end with number %d, which broke: %v", n, w.write+1, err)
	}
	b.wantKind(err, rollout.Transient)
	o := b.quiet(c.work)
	if w.when == Before {
		return
	}
	sent = b.Writes()
	b.do(c)
	left := w.of - w.write - 1
	if n := b.Writes() - sent; n != left {
		b.Errorf("%d writes, want %d: only the answer was lost", n, left)
	}
	if again := b.observe(c.work); left == 0 && again.Generation != o.Generation {
		b.Errorf("generation went from %d to %d", o.Generation, again.Generation)
	}
}
