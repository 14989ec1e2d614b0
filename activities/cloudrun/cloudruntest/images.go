package cloudruntest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"
)

// image is the code registered for images that match a pattern.
type image struct {
	pattern string
	handler http.Handler
}

// failure is why revisions of some images are not ready. Image is a pattern.
type failure struct {
	Image   string `json:"image"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// FailHeader makes the revision that a create or patch makes fail with the reason
// in its value.
const FailHeader = "X-Cloudruntest-Fail"

// Handle registers the code of an image: from now on revisions of it become ready
// and h answers their requests. In image, * stands for any text; an exact name
// wins over patterns, and the last registered over earlier ones. h learns its
// revision from Revision.
func (s *Server) Handle(name string, h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images = append(s.images, image{name, h})
}

func (s *Server) handler(name string) http.Handler {
	var found http.Handler
	for _, i := range s.images {
		if glob(i.pattern, name) {
			found = i.handler
		}
	}
	for _, i := range s.images {
		if i.pattern == name {
			found = i.handler
		}
	}
	return found
}

// FailImage makes new revisions of images that match the pattern fail, with one
// of the API's reasons (CONTAINER_MISSING, HEALTH_CHECK_CONTAINER_ERROR, ...) and a
// message; an empty message is the usual one of the reason. A revision that exists
// is not changed. An unknown reason is an error that lists the known ones.
func (s *Server) FailImage(pattern, reason, message string) error {
	if err := knownReason(reason); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, failure{Image: pattern, Reason: reason, Message: message})
	return nil
}

// HealImage takes back every FailImage of this pattern.
func (s *Server) HealImage(pattern string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = slices.DeleteFunc(s.failures, func(f failure) bool { return f.Image == pattern })
}

func knownReason(reason string) error {
	known := slices.Concat(commonReasons(), revisionReasons())
	if !slices.Contains(known, reason) {
		return fmt.Errorf("cloudruntest: reason %q is unknown, known are %s", reason, strings.Join(known, ", "))
	}
	return nil
}

// commonReasons are the values of a condition's reason.
func commonReasons() []string {
	return []string{
		"REVISION_FAILED", "PROGRESS_DEADLINE_EXCEEDED", "CONTAINER_MISSING", "CONTAINER_PERMISSION_DENIED",
		"CONTAINER_IMAGE_UNAUTHORIZED", "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED", "ENCRYPTION_KEY_PERMISSION_DENIED",
		"ENCRYPTION_KEY_CHECK_FAILED", "SECRETS_ACCESS_CHECK_FAILED", "WAITING_FOR_OPERATION", "IMMEDIATE_RETRY",
		"POSTPONED_RETRY", "INTERNAL", "VPC_NETWORK_NOT_FOUND",
	}
}

// revisionReasons are the values of a condition's revisionReason.
func revisionReasons() []string {
	return []string{
		"PENDING", "RESERVE", "RETIRED", "RETIRING", "RECREATING", "HEALTH_CHECK_CONTAINER_ERROR",
		"CUSTOMIZED_PATH_RESPONSE_PENDING", "MIN_INSTANCES_NOT_PROVISIONED", "ACTIVE_REVISION_LIMIT_REACHED",
		"NO_DEPLOYMENT", "HEALTH_CHECK_SKIPPED", "MIN_INSTANCES_WARMING",
	}
}

// whyNotReady returns the reason against a revision, or nil.
func (s *Server) whyNotReady(r *revision) *failure {
	name := r.image()
	if r.Forced != "" {
		return &failure{Image: name, Reason: r.Forced}
	}
	for _, f := range slices.Backward(s.failures) {
		if glob(f.Image, name) {
			f.Image = name
			return &f
		}
	}
	if s.handler(name) == nil {
		return &failure{Image: name, Reason: "CONTAINER_MISSING"}
	}
	return nil
}

func (f *failure) text() string {
	switch {
	case f.Message != "":
		return f.Message
	case f.Reason == "CONTAINER_MISSING":
		return fmt.Sprintf("Image '%s' not found.", f.Image)
	case f.Reason == "HEALTH_CHECK_CONTAINER_ERROR":
		return "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment variable within the allocated timeout."
	case f.Reason == "PROGRESS_DEADLINE_EXCEEDED":
		return "Revision readiness deadline exceeded."
	default:
		return "The revision failed with reason " + f.Reason + "."
	}
}

// explain puts the failure into a condition.
func (f *failure) explain(c *run.GoogleCloudRunV2Condition) {
	c.Severity, c.Message = "ERROR", f.text()
	if slices.Contains(revisionReasons(), f.Reason) {
		c.RevisionReason = f.Reason
		return
	}
	c.Reason = f.Reason
}

// of is the failure as the service of the revision reports it.
func (f *failure) of(r *revision) *failure {
	return &failure{Reason: "REVISION_FAILED", Message: fmt.Sprintf("Revision '%s' is not ready and cannot serve traffic. %s", r.short(), f.text())}
}

// rpc is the failure as an operation ends with it.
func (f *failure) rpc(r *revision) *apiError {
	e := &apiError{GRPC: 9, Status: "FAILED_PRECONDITION", Message: f.of(r).Message}
	switch {
	case f.Reason == "CONTAINER_MISSING":
		e.GRPC, e.Status = 5, "NOT_FOUND"
	case f.Reason == "PROGRESS_DEADLINE_EXCEEDED":
		e.GRPC, e.Status = 4, "DEADLINE_EXCEEDED"
	case f.Reason == "INTERNAL":
		e.GRPC, e.Status = 13, "INTERNAL"
	case strings.HasSuffix(f.Reason, "PERMISSION_DENIED"), f.Reason == "CONTAINER_IMAGE_UNAUTHORIZED", f.Reason == "SECRETS_ACCESS_CHECK_FAILED":
		e.GRPC, e.Status = 7, "PERMISSION_DENIED"
	}
	return e
}
