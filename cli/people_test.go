package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func TestApprovals(t *testing.T) {
	t.Parallel()
	meets := func(s scene) *fake { return &fake{states: []client.Rollout{s.waiting()}} }
	env := map[string]string{"USER": "ada"}
	const approve = "rollout approve " + one
	check(t, []command{
		{name: "approve-digest", args: approve + " --digest sha256:0123456789ab --reason fine", env: env, serin: &fake{}},
		{name: "approve-yes", args: approve + " --yes", env: env, serin: meets(sceneApproval)},
		{name: "approve-asked", args: approve, env: env, serin: meets(sceneApproval), asks: true, in: "y\n"},
		{name: "approve-no", args: approve, env: env, serin: meets(sceneApproval), asks: true, in: "\n"},
		{name: "approve-nobody", args: approve, env: env, serin: meets(sceneApproval)},
		{name: "approve-json", args: approve + " --output json", env: env, serin: meets(sceneApproval), asks: true, in: "yes\n"},
		{name: "approve-late", args: approve + " --yes", env: env, serin: &fake{states: scenes(sceneAdvance)}},
		{name: "approve-by", args: approve + " --yes", serin: meets(sceneApproval)},
		{name: "approve-override", args: approve + " --digest sha256:0123456789ab --override-deploy-policy freeze --reason incident", env: env, serin: &fake{}},
		{name: "override-why", args: approve + " --digest sha256:0123456789ab --override-deploy-policy freeze", env: env, serin: &fake{}},
		{name: "reject", args: "rollout reject --reason Monday " + one, env: env, serin: meets(sceneApproval)},
		{name: "reject-no", args: "rollout reject " + one, env: env, serin: meets(sceneApproval), asks: true, in: "n\n"},
		{name: "pause", args: "rollout pause --reason slow " + one, env: env, serin: &fake{}},
	})
}

func TestWaitingIsVisible(t *testing.T) {
	t.Parallel()
	read := func(s scene) *fake { return &fake{states: []client.Rollout{s.waiting()}} }
	now := start().Add(30 * time.Minute)
	var rows []command
	for _, s := range []scene{sceneApproval, scenePaused, sceneWindow, sceneRepair, sceneRollback, sceneRejected} {
		rows = append(rows, command{name: "describe-" + string(s), args: "rollout describe --events 4 " + one, serin: read(s), now: now})
	}
	const world = "--pipeline shop --rollout v2-to-world-0001"
	check(t, append(rows, []command{
		{name: "describe-halted", args: "rollout describe " + world, serin: &fake{states: []client.Rollout{halted()}}, now: now},
		{name: "watch-halted", args: "rollout watch " + world, serin: &fake{states: []client.Rollout{halted()}}},
		{name: "wait-halted", args: "rollout wait " + world, serin: &fake{states: []client.Rollout{halted()}}},
		{name: "wait-approval", args: "rollout wait " + one, serin: read(sceneApproval)},
		{name: "wait-rejected", args: "rollout wait " + one, serin: read(sceneRejected)},
		{name: "retry-failed-children", args: "rollout retry-job --failed-children --by ada " + world, serin: &fake{states: []client.Rollout{halted()}}},
		{name: "retry-no-children", args: "rollout retry-job --failed-children " + one, serin: &fake{states: scenes(sceneCanary)}},
		{name: "retry-children-named", args: "rollout retry-job --failed-children --phase stable --job deploy " + one, serin: &fake{}},
		{
			name: "retry-children-refused", args: "rollout retry-job --failed-children " + world,
			serin: &fake{states: []client.Rollout{halted()}, refuse: &rollout.Error{
				Op: "retryJob", On: "v2-to-us-0001", Kind: rollout.Refused, Err: errors.New("policy freeze forbids RETRY_JOB"),
			}},
		},
	}...))
}

func TestViewOfPeople(t *testing.T) {
	t.Parallel()
	all := map[string]client.Rollout{"halted": halted()}
	for _, s := range []scene{sceneApproval, scenePaused, sceneWindow, sceneRepair, sceneRollback} {
		all[string(s)] = s.waiting()
	}
	for name, r := range all {
		got := view(frame{Status: r.Status, Now: start().Add(30 * time.Minute), Width: 80})
		golden(t, "screen/"+name+"-80.txt", got)
	}
}

// Of many children those come first who need a look.
func TestViewOfManyChildren(t *testing.T) {
	t.Parallel()
	var all []rollout.ChildStatus
	for range 50 {
		all = append(all, rollout.ChildStatus{Target: "fine", PhaseState: rollout.PhaseSucceeded})
	}
	all = append(all, rollout.ChildStatus{Target: "bad", PhaseState: rollout.PhaseFailed}, rollout.ChildStatus{Target: "busy", PhaseState: rollout.PhaseInProgress})
	got := shownChildren(all)
	if len(got) != childrenShown || got[0].Target != "bad" || got[1].Target != "busy" || got[2].Target != "fine" {
		t.Errorf("got %+v", got)
	}
}

// Whoever interrupts a question gets out, although nobody can end the read.
func TestQuestionInterrupted(t *testing.T) {
	t.Parallel()
	never, end := io.Pipe()
	defer end.Close()
	ctx, stop := context.WithCancel(t.Context())
	var o, e bytes.Buffer
	f := &fake{states: []client.Rollout{sceneApproval.waiting()}}
	a := at(t, f, start())
	a.Streams = Streams{In: never, Out: &o, Err: interruptingWriter{into: &e, stop: stop}, Asks: true, Env: func(string) string { return "ada" }}
	code := a.run(ctx, []string{"serin", "rollout", "approve", "--pipeline", "shop", "--rollout", "v2-to-prod-0001"})
	if code != exitFailed || len(f.sent) > 0 {
		t.Errorf("exit %d, sent %q, %s", code, f.sent, e.String())
	}
}

// interruptingWriter presses ctrl-c when it is asked something.
type interruptingWriter struct {
	into io.Writer
	stop func()
}

func (w interruptingWriter) Write(p []byte) (int, error) {
	w.stop()
	return w.into.Write(p)
}
