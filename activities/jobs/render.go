package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// jobRender is the job of a render, which is none of a rollout.
const jobRender rollout.JobKind = "render"

// RenderCustom renders one phase of a release to a custom target with the containers of its spec, and
// stores the Rendering under r.Name. What is there already is a pass; a request that is repeated finds
// the containers that it began. What was found out is a Verdict; an error means that nothing was. A
// cancel stops the containers.
func (j *Jobs) RenderCustom(ctx context.Context, r activities.RenderRequest) (activities.RenderResult, error) {
	pulse := activities.StartPulse(ctx)
	defer pulse.End()
	out, err := j.render(ctx, r, pulse)
	if err != nil {
		return activities.RenderResult{}, activities.Application(err)
	}
	return activities.RenderResult{Outcome: out}, nil
}

func (j *Jobs) render(ctx context.Context, r activities.RenderRequest, pulse *activities.Pulse) (rollout.Outcome, error) {
	run := activities.JobRequest{Work: r.Work, Job: jobRender, Spec: r.Spec, Attempt: 1, Timeout: r.Wait}
	run.Work.Rollout += "/" + r.Name // one release renders the same phase for many targets
	spec, err := j.spec(ctx, run)
	if err != nil {
		return rollout.Outcome{}, err
	}
	if spec.Exchange == nil || spec.Exchange.Request != rollout.RequestRender {
		return rollout.Outcome{}, specError(run, rollout.Invalid, errors.New("it does not ask containers to render"), "")
	}
	_, err = j.files.GetNamed(ctx, r.Name)
	if err == nil {
		return rollout.Outcome{Verdict: rollout.VerdictPass}, nil
	}
	if rollout.KindOf(err) != rollout.NotFound {
		return rollout.Outcome{}, fmt.Errorf("look for what is rendered already: %w", err)
	}
	rep, err := j.contain(ctx, run, spec, pulse)
	if err != nil {
		return rollout.Outcome{}, err
	}
	if verdictOf(rep.found) == rollout.VerdictPass {
		if err = j.take(ctx, r.Name, &rep); err != nil {
			return rollout.Outcome{}, err
		}
	}
	return j.told(ctx, rep)
}

// take stores what the containers have rendered under name. What they should not have named fails
// the results, which are the last of what is found.
func (j *Jobs) take(ctx context.Context, name string, rep *report) error {
	left := folder(rep.at.request)
	manifest, err := j.manifest(ctx, left, rep.results.Manifest)
	if kind := rollout.KindOf(err); kind == rollout.Invalid || kind == rollout.NotFound {
		last := &rep.found[len(rep.found)-1]
		last.Verdict, last.Reason = rollout.VerdictFail, err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	made := rollout.Rendering{Folder: left}
	if made.Manifest, err = j.artifacts.Put(ctx, manifest); err != nil {
		return err
	}
	content, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("write what is rendered: %w", err)
	}
	// Another one under the same name is as good: somebody was faster.
	if err = j.files.PutNamed(ctx, name, content); rollout.KindOf(err) == rollout.Conflict {
		return nil
	}
	return err
}

// manifest reads the manifestFile of results.json: an address in the folder, or a path from there.
// Errors: Invalid for any other place, and for a file that is empty or too large; NotFound.
func (j *Jobs) manifest(ctx context.Context, folder, file string) ([]byte, error) {
	bad := func(kind rollout.Kind, err error) error {
		return &rollout.Error{Op: "read manifestFile", On: fmt.Sprintf("%q", cut(file, maxReason)), Kind: kind, Err: err}
	}
	if file == "" {
		return nil, bad(rollout.Invalid, errors.New("results.json names none"))
	}
	address, err := j.files.Address(folder)
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(file, address+"/")
	if local, isFile := strings.CutPrefix(address, "file://"); !ok && isFile {
		rest, _ = strings.CutPrefix(rest, local+"/") // as programs name files
	}
	rest = strings.TrimPrefix(rest, "./")
	if !fs.ValidPath(rest) || strings.Contains(rest, "://") {
		return nil, bad(rollout.Invalid, fmt.Errorf("it is not in CLOUD_DEPLOY_OUTPUT_GCS_PATH, which is %s", address))
	}
	content, err := j.files.GetNamed(ctx, folder+"/"+rest)
	switch kind := rollout.KindOf(err); {
	case kind == rollout.NotFound:
		return nil, bad(kind, fmt.Errorf("there is no such file in CLOUD_DEPLOY_OUTPUT_GCS_PATH, which is %s", address))
	case kind == rollout.Invalid:
		return nil, bad(kind, err)
	case err != nil:
		return nil, fmt.Errorf("read what is rendered: %w", err)
	case len(content) == 0:
		return nil, bad(rollout.Invalid, errors.New("it is empty"))
	}
	return content, nil
}
