package cloudrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// callTimeout bounds one request to the API, so that a connection that hangs is
// noticed before the activity's own deadline.
const callTimeout = 30 * time.Second

// step is one command or read: where it goes and what it is called in errors.
type step struct {
	op  string
	w   activities.Work
	api *run.ProjectsLocationsService
	on  string // full name of the service

	want     *desired // nil until release
	revision string   // short name of the release's revision; "" until release
}

// open connects to the target of w. It reads no manifest.
func (p *Provider) open(ctx context.Context, op string, w activities.Work) (*step, error) {
	s := &step{op: op, w: w}
	if w.CloudRun == nil || w.CloudRun.Service == "" {
		return nil, s.fail(rollout.Invalid, errors.New("the plan names no Cloud Run service"))
	}
	if err := checkLocation(w.Target.Location); err != nil {
		return nil, s.fail(rollout.Invalid, err)
	}
	c, err := p.client(ctx, w.Target.Endpoint)
	if err != nil {
		return nil, err
	}
	s.api = c.Projects.Locations
	s.on = w.Target.Location + "/services/" + w.CloudRun.Service
	return s, nil
}

func checkLocation(location string) error {
	if !regexp.MustCompile(`^projects/[^/\s]+/locations/[^/\s]+$`).MatchString(location) {
		return fmt.Errorf("location %q is not projects/PROJECT/locations/LOCATION", location)
	}
	return nil
}

// openRelease is open with the release's manifest, converted.
func (p *Provider) openRelease(ctx context.Context, op string, w activities.Work) (*step, error) {
	s, err := p.open(ctx, op, w)
	if err != nil {
		return nil, err
	}
	if err := p.known(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// known is release, except that a step which gives everything to stable does not need
// a manifest that cannot be read any more: its release has no name then.
func (p *Provider) known(ctx context.Context, s *step) error {
	err := p.release(ctx, s)
	kind := rollout.KindOf(err)
	gone := kind == rollout.Corrupt || kind == rollout.NotFound
	if gone && s.w.Stable != "" && s.w.Weight == 0 && !s.w.Promotion && !s.w.Custom {
		return nil
	}
	return err
}

// release reads and converts the manifest of s.
func (p *Provider) release(ctx context.Context, s *step) error {
	content, err := p.artifacts.Get(ctx, s.w.Manifest)
	if err != nil {
		return fmt.Errorf("cloudRun: %s %s: manifest: %w", s.op, s.on, err)
	}
	want, err := convert(content, s.w.Target.Location)
	if err != nil {
		return s.fail(rollout.Invalid, fmt.Errorf("manifest: %w", err))
	}
	if want.name != s.w.CloudRun.Service {
		return s.fail(rollout.Invalid, fmt.Errorf("manifest: metadata.name is %s, the plan is for %s", want.name, s.w.CloudRun.Service))
	}
	if want.adopt != "" { // it has its name
		s.want, s.revision = want, want.adopt
		return nil
	}
	t := want.service.Template
	if t.Annotations == nil {
		t.Annotations = map[string]string{}
	}
	t.Annotations[annotationDigest] = s.w.Digest
	name, err := revisionName(want.name, t)
	if err != nil {
		return s.fail(rollout.Invalid, fmt.Errorf("manifest: %w", err))
	}
	if name, err = s.choose(ctx, name); err != nil {
		return err
	}
	t.Revision = name
	s.want, s.revision = want, name
	return nil
}

// choose returns the name of the release's revision. One that did not fail is used
// again, whichever attempt made it, so going back to a release needs no new one.
// Else it is base, and "BASE-ATTEMPT" for a retry, because a failed revision can
// neither be changed nor made again. Within an attempt the answer stays the same.
func (s *step) choose(ctx context.Context, base string) (string, error) {
	rev, err := s.getRevision(ctx, base)
	if err != nil {
		return "", err
	}
	if rev != nil && gaveUp(rev) == "" {
		return base, nil
	}
	name := base
	if s.w.Attempt > 1 {
		name = fmt.Sprintf("%s-%d", base, s.w.Attempt)
	}
	good, err := s.findRevision(ctx, base+"-")
	return cmp.Or(good, name), err
}

func (s *step) fail(kind rollout.Kind, err error) error {
	on := s.on
	if on == "" {
		on = s.w.Target.Name
	}
	return &rollout.Error{Op: "cloudRun: " + s.op, On: on, Kind: kind, Err: err}
}

// get returns the service, or nil if it does not exist.
func (s *step) get(ctx context.Context) (*run.GoogleCloudRunV2Service, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	svc, err := s.api.Services.Get(s.on).Context(ctx).Do()
	err = typed(s.op, s.on, err)
	if rollout.KindOf(err) == rollout.NotFound {
		return nil, nil
	}
	return svc, err
}

// own is get for a write: a service of another pipeline is a Conflict.
func (s *step) own(ctx context.Context) (*run.GoogleCloudRunV2Service, error) {
	svc, err := s.get(ctx)
	if err != nil || svc == nil {
		return nil, err
	}
	return svc, s.owned(svc)
}

// getRevision returns the revision of this short name, or nil if it does not exist.
func (s *step) getRevision(ctx context.Context, name string) (*run.GoogleCloudRunV2Revision, error) {
	if name == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	on := s.on + "/revisions/" + name
	rev, err := s.api.Services.Revisions.Get(on).Context(ctx).Do()
	err = typed(s.op, on, err)
	if rollout.KindOf(err) == rollout.NotFound {
		return nil, nil
	}
	return rev, err
}

// findRevision returns the newest revision with this prefix that has not failed,
// "" if there is none.
func (s *step) findRevision(ctx context.Context, prefix string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found := ""
	err := s.api.Services.Revisions.List(s.on).PageSize(100).Pages(ctx, func(page *run.GoogleCloudRunV2ListRevisionsResponse) error {
		for _, rev := range page.Revisions {
			if name := short(rev.Name); found == "" && strings.HasPrefix(name, prefix) && gaveUp(rev) == "" {
				found = name
			}
		}
		return nil
	})
	err = typed(s.op, s.on, err)
	if rollout.KindOf(err) == rollout.NotFound {
		return "", nil
	}
	return found, err
}

// change is one PATCH: body holds what mask names.
type change struct {
	body     *run.GoogleCloudRunV2Service
	mask     []string
	validate bool // only ask whether it would be accepted
}

// patch sends c with the etag of the service that was read: where the platform
// enforces it, a change in between is a Transient error and read again.
func (s *step) patch(ctx context.Context, c change, etag string) (*run.GoogleLongrunningOperation, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c.body.Etag = etag
	slices.Sort(c.mask)
	call := s.api.Services.Patch(s.on, c.body).UpdateMask(strings.Join(c.mask, ",")).Context(ctx)
	if c.validate {
		call.ValidateOnly(true)
	}
	o, err := call.Do()
	return s.taken(o, err)
}

// create makes the service. It exists with one revision, which has all traffic:
// there is no other that could.
func (s *step) create(ctx context.Context, body *run.GoogleCloudRunV2Service, validate bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	call := s.api.Services.Create(s.w.Target.Location, body).ServiceId(s.w.CloudRun.Service).Context(ctx)
	if validate {
		call.ValidateOnly(true)
	}
	_, err := s.taken(call.Do())
	return err
}

// taken reports an operation that ended with an error at once.
func (s *step) taken(o *run.GoogleLongrunningOperation, err error) (*run.GoogleLongrunningOperation, error) {
	if err != nil {
		return nil, typed(s.op, s.on, err)
	}
	if o.Error != nil {
		return nil, ended(s.op, s.on, o.Error)
	}
	return o, nil
}

// await blocks until o has ended or ctx does. An operation that the platform has
// forgotten has ended.
func (s *step) await(ctx context.Context, o *run.GoogleLongrunningOperation) error {
	for !o.Done {
		next, err := s.wait(ctx, o.Name)
		err = typed(s.op, s.on, err)
		if rollout.KindOf(err) == rollout.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		o = next
	}
	if o.Error != nil {
		return ended(s.op, s.on, o.Error)
	}
	return nil
}

func (s *step) wait(ctx context.Context, operation string) (*run.GoogleLongrunningOperation, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body := &run.GoogleLongrunningWaitOperationRequest{Timeout: "10s"}
	return s.api.Operations.Wait(operation, body).Context(ctx).Do()
}
