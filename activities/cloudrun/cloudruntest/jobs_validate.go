package cloudruntest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	run "google.golang.org/api/run/v2"
)

// Limits of the API for jobs.
const (
	maxJobID      = 63   // "fewer than 64"
	maxJobs       = 1000 // per project and location
	maxJobRetries = 10
	maxJobTimeout = 7 * 24 * time.Hour
)

// checkJob returns the first violation in the user's part of j, or nil.
func checkJob(request string, j *job) error {
	violation := func(field, format string, args ...any) error {
		return invalid("job."+field, "Violation in %s.job.%s: %s", request, field, fmt.Sprintf(format, args...))
	}
	res := j.Resource
	if res.Template == nil || res.Template.Template == nil {
		return violation("template.template", "field is required")
	}
	if i := slices.IndexFunc(res.Template.Template.Containers, nameless); i >= 0 {
		return violation(fmt.Sprintf("template.template.containers[%d].image", i), "field is required")
	}
	timeout := res.Template.Template.Timeout
	switch n := res.Template.TaskCount; {
	case len(res.Template.Template.Containers) == 0:
		return violation("template.template.containers", "at least one container is required")
	case n < 0 || n > 1:
		return violation("template.task_count", "this emulator runs one task, not %d", n)
	case j.MaxRetries < 0 || j.MaxRetries > maxJobRetries:
		return violation("template.template.max_retries", "%d is not from 0 to %d", j.MaxRetries, maxJobRetries)
	case timeout != "" && !goodTimeout(timeout):
		return violation("template.template.timeout", "'%s' is not a duration in seconds of at most %.0fs", timeout, maxJobTimeout.Seconds())
	}
	if k := systemKey(res.Annotations, res.Labels, res.Template.Annotations, res.Template.Labels); k != "" {
		return violation("annotations", "'%s' is in a namespace of the system, which is not supported", k)
	}
	return nil
}

// systemKey returns a key that belongs to the platform, "" if there is none.
func systemKey(lists ...map[string]string) string {
	for _, m := range lists {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if system(k) {
				return k
			}
		}
	}
	return ""
}

func nameless(c *run.GoogleCloudRunV2Container) bool { return c == nil || c.Image == "" }

func goodTimeout(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d > 0 && d <= maxJobTimeout && strings.HasSuffix(text, "s")
}

// system reports whether a key of labels or annotations belongs to the platform.
func system(key string) bool {
	domain, _, ok := strings.Cut(key, "/")
	for _, own := range []string{"run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev"} {
		if ok && (domain == own || strings.HasSuffix(domain, "."+own)) {
			return true
		}
	}
	return false
}

func withJobDefaults(j *job) {
	res := j.Resource
	if res.LaunchStage == "" {
		res.LaunchStage = "GA"
	}
	res.Template.TaskCount, res.Template.Parallelism = 1, 1
	t := res.Template.Template
	if t.Timeout == "" {
		t.Timeout = "600s"
	}
	t.MaxRetries, t.ForceSendFields = j.MaxRetries, []string{"MaxRetries"}
}
