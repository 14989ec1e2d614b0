package jobs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Files is the part of the artifact store that jobs share with containers.
type Files interface {
	// Address is where containers find a digest, a name or a folder of names. Errors: Unsupported
	// for a store that they cannot reach.
	Address(name string) (string, error)
	// StorageType is "GCS", "S3" or "FILE".
	StorageType() (string, error)
	// GetNamed returns what is stored under name. Errors: NotFound; Invalid for what is no name, no
	// file, or too large; Denied; Transient.
	GetNamed(ctx context.Context, name string) ([]byte, error)
	// PutNamed gives content a name for ever. Errors: Conflict if it has other content.
	PutNamed(ctx context.Context, name string, content []byte) error
}

// Folders of the artifact store, and what the containers write into theirs.
const (
	exchangeFolder = "exchange/"
	resultsFile    = "results.json"
)

// folder is where the containers of r write: another one for each run, the same for the same run.
func folder(r activities.JobRequest) string {
	run := activities.TaskRun{Work: r.Work, Job: string(r.Job), Attempt: r.Attempt}
	return exchangeFolder + strings.TrimPrefix(run.Name(), "serin-")
}

// exchange is what containers that render or deploy at a place are told besides, by Cloud Deploy's
// names.
func (j *Jobs) exchange(x rollout.Exchange, at place) (map[string]string, error) {
	w := at.request.Work
	names := map[string]string{"OUTPUT": folder(at.request), "INPUT": x.Source}
	if x.Request == rollout.RequestDeploy {
		names["INPUT"], names["MANIFEST"] = cmp.Or(x.Input, x.Source), w.Manifest
	}
	storage, err := j.files.StorageType()
	if err != nil {
		return nil, err
	}
	out := map[string]string{
		"CLOUD_DEPLOY_REQUEST_TYPE":      x.Request,
		"CLOUD_DEPLOY_PERCENTAGE_DEPLOY": strconv.Itoa(int(w.Weight)),
		"CLOUD_DEPLOY_STORAGE_TYPE":      storage,
	}
	for word, name := range names {
		if out["CLOUD_DEPLOY_"+word+"_GCS_PATH"], err = j.files.Address(name); err != nil {
			return nil, fmt.Errorf("tell containers their %s: %w", strings.ToLower(word), err)
		}
	}
	given, err := parameters(x.Parameters, at.words(), out, map[string]string{"CLOUD_DEPLOY_FEATURES": ""})
	if err != nil {
		return nil, exchangeError(at.request, rollout.Invalid, err)
	}
	maps.Copy(out, given)
	if x.Canary {
		out["CLOUD_DEPLOY_FEATURES"] = "CANARY"
	}
	return out, nil
}

// parameters are deploy parameters as variables. Two that would be the same one are an error, and so
// is what Serin sets itself: a container would deploy with either, and nobody could say which.
func parameters(list map[string]string, own ...map[string]string) (map[string]string, error) {
	out, from := map[string]string{}, map[string]string{}
	for _, each := range own {
		for name := range each {
			from[name] = "what Serin sets itself"
		}
	}
	for _, key := range slices.Sorted(maps.Keys(list)) {
		name := "CLOUD_DEPLOY_" + strings.Map(inVariable, key)
		if other := from[name]; other != "" {
			return nil, fmt.Errorf("deploy parameter %s would be %s, and so is %s: rename the parameter", key, name, other)
		}
		out[name], from[name] = list[key], key
	}
	return out, nil
}

func inVariable(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	}
	return '_'
}

func exchangeError(r activities.JobRequest, kind rollout.Kind, err error) error {
	return &rollout.Error{Op: "run job " + string(r.Job), On: "at target " + r.Work.Target.Name, Kind: kind, Err: err}
}
