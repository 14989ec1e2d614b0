package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// rendered completes the phase at index i, which is m, by what containers have rendered, or
// asks for that.
func (a *Activities) rendered(ctx context.Context, j *job, p *rollout.Plan, i int, m *render.Manifest) error {
	spec, ph := rollout.Digest(m.By.Content), p.Phases[i]
	name := rollout.RenderingName(p.Pipeline, p.Release, content(p.Digest, spec, ph), p.Target.Name, ph.ID)
	by, err := a.rendering(ctx, name)
	if rollout.KindOf(err) != rollout.NotFound {
		if err != nil {
			return err
		}
		return m.Rendered(p, i, by)
	}
	j.renders = append(j.renders, activities.RenderRequest{
		Work: activities.Work{
			Pipeline: p.Pipeline, Release: p.Release, Digest: p.Digest, Target: p.Target,
			Phase: ph.ID, Weight: ph.Weight, Promotion: ph.Promotion(), Custom: ph.Custom,
		},
		Spec: spec, Name: name, Wait: m.By.Longest(),
	})
	m.Specs = nil // of a deploy that does not know its input
	return a.put(ctx, j, spec, m.By.Content)
}

// content is the digest of all that a rendering is made of: when the CustomTargetType or a
// percentage has changed since an attempt that failed, what that one rendered is not used.
func content(release, spec string, ph rollout.Phase) string {
	return rollout.Digest(fmt.Appendf(nil, "%s %s %d", release, spec, ph.Weight))
}

// rendering reads what containers have rendered. NotFound is only that they have not.
func (a *Activities) rendering(ctx context.Context, name string) (rollout.Rendering, error) {
	var out rollout.Rendering
	document, err := a.store.GetNamed(ctx, name)
	if err != nil {
		return out, err
	}
	err = json.Unmarshal(document, &out)
	if err == nil && (out.Manifest == "" || out.Folder == "") {
		err = errors.New("it names no manifest or no folder")
	}
	if err == nil {
		_, err = a.store.Get(ctx, out.Manifest)
	}
	if kind := rollout.KindOf(err); err == nil || kind == rollout.Transient || kind == rollout.Denied {
		return out, err
	}
	return out, &rollout.Error{
		Op: "read rendering", On: name, Kind: rollout.Corrupt, Err: err,
		Fix: "create the release under another name: what was rendered is rendered again then",
	}
}

// reachable refuses a target whose workers cannot read the manifests, or whose containers
// cannot.
func (a *Activities) reachable(t rollout.Target) error {
	if !a.private || (t.TaskQueue == rollout.DefaultTaskQueue && t.Runtime != rollout.RuntimeCustom) {
		return nil
	}
	why := fmt.Errorf("its workers poll task queue %s and may not see the artifact store, which is a folder", t.TaskQueue)
	if t.Runtime == rollout.RuntimeCustom {
		why = errors.New("the containers of a custom target may not see the artifact store, which is a folder")
	}
	return &rollout.Error{
		Op: "plan release", On: t.Name, Kind: rollout.Refused,
		Err: why,
		Fix: "set SERIN_ARTIFACTS to a gs:// or s3:// bucket, or SERIN_ARTIFACTS_SHARED=1 where the folder is shared",
	}
}
