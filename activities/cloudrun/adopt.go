package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/serin-dev/serin/rollout"
)

// annotationAdopt of a manifest's template names the release's revision: one that somebody else
// has made. What the manifest says of its containers is then for people; the template of the
// service is never written.
const annotationAdopt = "serin.dev/adopt-revision"

// adopting carries the annotation over.
func adopting(d *draft, name string) error {
	if !regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`).MatchString(name) || len(name) > maxRevision {
		return fmt.Errorf("%q is no name of a revision", name)
	}
	d.adopt = name
	return nil
}

// maxRevision is how long the name of a revision may be.
const maxRevision = 63

// adopts reports whether the release's revision is one that somebody else has made.
func (s *step) adopts() bool { return s.want != nil && s.want.adopt != "" }

// adopted checks that the revision is still there: it can be made by nobody again.
func (s *step) adopted(ctx context.Context) (made bool, err error) {
	rev, err := s.getRevision(ctx, s.revision)
	if err == nil && rev == nil {
		err = s.errGone()
	}
	return err == nil, err
}

// gone says why a revision to adopt that is not there will not come.
func (s *step) gone() string {
	return fmt.Sprintf("revision %s does not exist: somebody has removed it", s.revision)
}

func (s *step) errGone() error {
	return &rollout.Error{
		Op: "cloudRun: " + s.op, On: s.on, Kind: rollout.Failed, Err: errors.New(s.gone()),
		Fix: "deploy it again: it gets another name, and is another release",
	}
}
