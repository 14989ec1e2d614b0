package model

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

const (
	killed   = 50 // sequences
	worlds   = 4  // servers, each with one worker process: while that is dead nobody goes on
	patience = 6 * time.Minute
)

// TestKilled plays sequences on real servers, whose only worker process is killed again and again: at a write, or
// just as a command is sent. Whatever was accepted has happened, once.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills processes for minutes")
	}
	var kills atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for n := range worlds {
			t.Run(fmt.Sprintf("world-%d", n+1), func(t *testing.T) {
				t.Parallel()
				w, v := open(t, &kills)
				for seed := n; seed < killed; seed += worlds {
					t.Run(fmt.Sprintf("seed-%02d", seed+1), func(t *testing.T) {
						t.Parallel()
						newPlayer(t, w, v, seed+1).play()
					})
				}
			})
		}
	})
	t.Logf("%d sequences, %d kills", killed, kills.Load())
}

// open starts a world with its worker.
func open(t *testing.T, kills *atomic.Int64) (*world.World, *victim) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w, err := world.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{t: t, w: w, ctx: ctx, kills: kills}
	v.next()
	t.Cleanup(func() {
		v.end()
		cancel()
		if err := w.Close(); err != nil {
			t.Log(err)
		}
	})
	return w, v
}

// victim is the one worker process.
type victim struct {
	t     *testing.T
	w     *world.World
	ctx   context.Context //nolint:containedctx // of its world
	kills *atomic.Int64

	mu  sync.Mutex
	now *world.Process
}

// next kills the process and starts another.
func (v *victim) next() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.kill()
	p, err := v.w.Process(v.ctx, rollout.DefaultTaskQueue)
	if err != nil {
		v.t.Error(err)
		return
	}
	v.now = p
}

// end kills it for good.
func (v *victim) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.kill()
}

func (v *victim) kill() {
	if v.now == nil {
		return
	}
	if err := v.now.Kill(); err != nil {
		v.t.Log(err)
	}
	v.now = nil
	v.kills.Add(1)
}

// player plays one seeded sequence with a pipeline of its own.
type player struct {
	*drive.Driver
	rng    *rand.Rand
	victim *victim
	gate   *world.Gate
	sent   []*sent
	made   int // releases
}

// sent is a command and what became of it.
type sent struct {
	rollout, reason string
	cmd             string
	phase           string
	accepted        bool
	again           bool // it was sent more than once: a refusal may be of the second time
}

func newPlayer(t *testing.T, w *world.World, v *victim, seed int) *player {
	t.Helper()
	gate, err := w.Gate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gate.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c := world.Configuration{Pipeline: fmt.Sprintf("kill-%02d", seed), Canary: world.Percentages([]int{25, 50}, ""), Endpoint: gate.URL}
	p := &player{
		Driver: &drive.Driver{T: t, Ctx: ctx, World: w, Pipeline: c.Pipeline, Target: c.Target()},
		rng:    rand.New(rand.NewPCG(uint64(seed), 1)), victim: v, gate: gate, //nolint:gosec // a seed, not a secret
	}
	if err := p.patient(func() error { _, err := w.Client.Apply(ctx, c.YAML(), "ann"); return err }); err != nil {
		t.Fatal(err)
	}
	return p
}

// play is the sequence.
func (p *player) play() {
	p.release()
	for i := range 4 + p.rng.IntN(5) {
		if i == 0 || p.rng.IntN(3) == 0 {
			p.gate.StopAt(1+p.rng.IntN(3), p.rng.IntN(2) == 0, p.victim.next)
		}
		p.act()
	}
	p.gate.StopAt(0, false, nil)
	p.check()
}

// act does one thing to the newest rollout, or to the lane.
func (p *player) act() {
	newest := p.Names[len(p.Names)-1]
	switch p.rng.IntN(12) {
	case 0, 1:
		if p.made < 4 {
			p.release()
		}
	case 2, 3, 4, 5:
		p.advance(newest)
	case 6:
		p.command(newest, rollout.CommandPause, rollout.Command{})
	case 7, 8:
		p.command(newest, rollout.CommandResume, rollout.Command{})
	case 9:
		p.command(newest, rollout.CommandCancel, rollout.Command{Restore: p.rng.IntN(2) == 0})
	case 10:
		p.rollback()
	case 11: // two people at once
		go p.victim.next()
		p.advance(newest)
	}
}

// patient asks again while the answer may be that of a worker that has just been killed.
func (p *player) patient(ask func() error) error {
	for {
		err := ask()
		switch rollout.KindOf(err) {
		case rollout.Refused, rollout.Invalid, rollout.NotFound, rollout.Conflict, rollout.Unsupported:
			return err
		default:
			if err == nil || p.Ctx.Err() != nil {
				return err
			}
		}
	}
}

// until waits until the rollout rests.
func (p *player) until(name string) (last client.Rollout) {
	enough := errors.New("enough")
	if err := p.patient(func() error {
		err := p.World.Client.Watch(p.Ctx, p.Pipeline, name, func(r client.Rollout) error {
			if last = r; rests(r) {
				return enough
			}
			return nil
		})
		if errors.Is(err, enough) {
			return nil
		}
		return err
	}); err != nil {
		p.T.Fatalf("%s does not come to rest: %v; it is %s, waiting %+v\n%s", name, err, last.State, last.Waiting, strings.Join(drive.Path(last), "\n"))
	}
	return last
}

// release makes the next release, and mostly waits until it has come to rest.
func (p *player) release() {
	p.made++
	release := fmt.Sprintf("v%d", p.made)
	source, err := p.World.Source(p.Ctx, map[string]string{"service.yaml": world.Manifest(p.Pipeline, "img/"+release)})
	if err != nil {
		p.T.Fatal(err)
	}
	if err := p.patient(func() error {
		_, err := p.World.Client.CreateRelease(p.Ctx, rollout.CreateRequest{Pipeline: p.Pipeline, Release: release, Source: source, Actor: "ann"})
		return err
	}); err != nil {
		p.T.Fatal(err)
	}
	var name string
	if err := p.patient(func() (err error) {
		name, err = p.World.Client.WaitRollout(p.Ctx, p.Pipeline, release, p.Target)
		return err
	}); err != nil {
		p.T.Fatal(err)
	}
	p.Names = append(p.Names, name)
	if p.rng.IntN(3) > 0 || p.made == 1 {
		p.until(name)
	}
}

// rests reports whether nothing happens to the rollout unless somebody does something.
func rests(r client.Rollout) bool {
	ended := r.State.Final() || r.State == rollout.StateFailed || r.State == rollout.StatePending
	return ended || r.Waiting != nil && (r.Waiting.For == rollout.WaitAdvance || r.Waiting.For == rollout.WaitPerson)
}

// advance lets two people press the same button.
func (p *player) advance(name string) {
	var s client.Rollout
	if err := p.patient(func() (err error) {
		s, err = p.World.Client.Rollout(p.Ctx, p.Pipeline, name)
		return err
	}); err != nil {
		p.T.Fatal(err)
	}
	next, _ := s.NextPhase()
	if next == nil {
		return
	}
	var both sync.WaitGroup
	var got [2]*sent
	for i := range got {
		got[i] = p.note(name, rollout.CommandAdvance, next.ID)
		both.Go(func() { p.send(got[i], rollout.Command{Phase: next.ID, Actor: fmt.Sprintf("actor-%d", i)}) })
	}
	both.Wait()
	if got[0].accepted && got[1].accepted {
		p.T.Errorf("both advances of %s to %s were accepted", name, next.ID)
	}
}

func (p *player) command(name, command string, c rollout.Command) {
	c.Actor = "ann"
	p.send(p.note(name, command, ""), c)
}

func (p *player) note(name, command, phase string) *sent {
	s := &sent{rollout: name, cmd: command, phase: phase, reason: fmt.Sprintf("%s number %d", command, len(p.sent)+1)}
	p.sent = append(p.sent, s)
	return s
}

// send sends a command until it is answered.
func (p *player) send(s *sent, c rollout.Command) {
	c.Reason = s.reason
	ctx := client.WithRequestID(p.Ctx, s.reason)
	tries := 0
	err := p.patient(func() error {
		tries++
		_, err := p.World.Client.Command(ctx, p.Pipeline, s.rollout, s.cmd, c)
		return err
	})
	s.again = tries > 1
	if kind := rollout.KindOf(err); err != nil && kind != rollout.Refused {
		p.T.Errorf("%s of %s: %v", s.reason, s.rollout, err)
	}
	s.accepted = err == nil
}

func (p *player) rollback() {
	s := p.note("", rollout.UpdateRollback, "")
	ctx := client.WithRequestID(p.Ctx, s.reason)
	var made rollout.Created
	err := p.patient(func() (err error) {
		made, err = p.World.Client.Rollback(ctx, p.Pipeline, p.Target, rollout.Create{StopRunning: true, Actor: "ann", Reason: s.reason})
		return err
	})
	if kind := rollout.KindOf(err); err != nil && kind != rollout.Refused {
		p.T.Errorf("%s: %v", s.reason, err)
	}
	if s.accepted = err == nil; s.accepted {
		s.rollout = made.Rollout
		p.Names = append(p.Names, made.Rollout)
	}
}

// check holds what has become of it to the invariants, once everything has come to rest.
func (p *player) check() {
	var all []rollout.Status
	running := 0
	for _, name := range p.Names {
		s := p.until(name).Status
		all = append(all, s)
		running += btoi(s.State.HoldsLane())
		p.once(s)
	}
	if running > 1 {
		p.T.Errorf("%d rollouts hold the lane", running)
	}
	p.known()
	breaches, err := p.World.Breaches(p.Ctx, p.Pipeline, all...)
	if err != nil {
		p.T.Fatal(err)
	}
	for _, b := range breaches {
		p.T.Error(b)
	}
	if p.T.Failed() {
		for _, s := range all {
			p.T.Logf("%s:\n%s", s.Rollout, strings.Join(drive.Path(client.Rollout{Status: s}), "\n"))
		}
	}
}

// once wants every phase begun once, and every accepted command carried out once.
func (p *player) once(s rollout.Status) {
	begun, heard := map[string]int{}, map[string]int{}
	for _, e := range s.Events {
		switch e.Kind {
		case rollout.EventJobStarted:
			begun[e.Phase]++
		case rollout.EventRetried:
			begun[e.Phase]--
		case rollout.EventRefused:
			continue
		default:
		}
		heard[e.Reason]++
	}
	for phase, n := range begun {
		if n > 1 {
			p.T.Errorf("%s of %s began %d times", phase, s.Rollout, n)
		}
	}
	for _, c := range p.sent {
		n := heard[c.reason]
		if c.rollout == s.Rollout && (n > 1 || c.accepted && n == 0 || !c.accepted && !c.again && n > 0) {
			p.T.Errorf("%s of %s was accepted %t, and happened %d times", c.reason, s.Rollout, c.accepted, n)
		}
	}
}

// known wants the lane to know every rollout that was asked for, and no other.
func (p *player) known() {
	var lane rollout.LaneStatus
	if err := p.patient(func() (err error) {
		lane, err = p.World.Client.Lane(p.Ctx, p.Pipeline, p.Target)
		return err
	}); err != nil {
		p.T.Fatal(err)
	}
	var names []string
	for _, r := range lane.Records {
		names = append(names, r.Rollout)
	}
	slices.Sort(names)
	want := slices.Sorted(slices.Values(p.Names))
	if !slices.Equal(names, want) {
		p.T.Errorf("the lane knows %q, want %q", names, want)
	}
}
