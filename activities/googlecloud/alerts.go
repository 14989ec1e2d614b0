package googlecloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	monitoring "google.golang.org/api/monitoring/v3"

	"github.com/serin-dev/serin/activities/internal/google"
	"github.com/serin-dev/serin/rollout"
)

// alertsPage is the most alerts that Cloud Monitoring returns at once.
const alertsPage = 1000

const (
	opListAlerts = "list open alerts"
	opReadPolicy = "read alert policy"
)

// Open returns the open alerts of c's policies that have all of c's labels, in one line; "" means that there is
// none. An alert that was open before the analysis began counts too, as it does for Cloud Deploy.
// A label may be one of the alert's resource, of its metric, of its log, or a user label of its
// resource or its policy.
//
// Errors: NotFound for a policy that does not exist, which would never have an alert; Invalid for a name that
// is none; Denied; Transient.
func (c *Client) Open(ctx context.Context, check rollout.AlertCheck, since time.Time) (string, error) {
	byProject, err := policies(check.Policies)
	if err != nil {
		return "", err
	}
	api, err := c.dialMonitoring(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range check.Policies {
		if _, err := api.Projects.AlertPolicies.Get(p).Fields("name").Context(ctx).Do(); err != nil {
			return "", typed(opReadPolicy, p, grantAlerts, err)
		}
	}
	var open []string
	for _, p := range byProject {
		more, err := openIn(ctx, api, p, check.Labels)
		if err != nil {
			return "", err
		}
		for _, a := range more {
			open = append(open, describe(a, since))
		}
	}
	if len(open) == 0 {
		return "", nil
	}
	slices.Sort(open)
	const shown = 3
	if more := len(open) - shown; more > 0 {
		open = append(open[:shown], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(open, "; "), nil
}

// project is a project and the ids of its policies.
type project struct {
	name string // "projects/P"
	ids  []string
}

// policies groups "projects/P/alertPolicies/ID" by their project.
func policies(names []string) ([]project, error) {
	if len(names) == 0 {
		return nil, invalid(opListAlerts, "", errors.New("there is no alert policy to look at"))
	}
	var out []project
	for _, name := range names {
		parts := strings.Split(name, "/")
		if len(parts) != 4 || parts[0] != "projects" || parts[2] != "alertPolicies" || parts[3] == "" {
			return nil, invalid(opReadPolicy, fmt.Sprintf("%q", name), errors.New("want projects/PROJECT/alertPolicies/ID"))
		}
		in, err := parent(opReadPolicy, parts[1])
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(out, func(p project) bool { return p.name == in })
		if at < 0 {
			at, out = len(out), append(out, project{name: in})
		}
		out[at].ids = append(out[at].ids, parts[3])
	}
	return out, nil
}

// openIn lists the open alerts of p's policies. Which policy an alert has is told by the policy's id alone: its
// project may be written as an id or as a number.
func openIn(ctx context.Context, api *monitoring.Service, p project, labels map[string]string) ([]*monitoring.Alert, error) {
	var out []*monitoring.Alert
	err := api.Projects.Alerts.List(p.name).Filter(`state="OPEN"`).PageSize(alertsPage).Pages(ctx, func(page *monitoring.ListAlertsResponse) error {
		for _, a := range page.Alerts {
			if a.State != "OPEN" || a.Policy == nil {
				continue
			}
			id := a.Policy.Name[strings.LastIndex(a.Policy.Name, "/")+1:]
			if slices.Contains(p.ids, id) && has(a, labels) {
				out = append(out, a)
			}
		}
		return nil
	})
	return out, typed(opListAlerts, "of "+p.name, grantAlerts, err)
}

// has reports whether a has all labels.
func has(a *monitoring.Alert, labels map[string]string) bool {
	sets := []map[string]string{a.Policy.UserLabels}
	if a.Resource != nil {
		sets = append(sets, a.Resource.Labels)
	}
	if a.Metric != nil {
		sets = append(sets, a.Metric.Labels)
	}
	if a.Metadata != nil {
		sets = append(sets, a.Metadata.UserLabels)
	}
	if a.Log != nil {
		sets = append(sets, a.Log.ExtractedLabels)
	}
	for key, want := range labels {
		if !slices.ContainsFunc(sets, func(set map[string]string) bool { v, ok := set[key]; return ok && v == want }) {
			return false
		}
	}
	return true
}

// describe says which alert is open, and whether it was before the analysis.
func describe(a *monitoring.Alert, since time.Time) string {
	name := a.Policy.DisplayName
	if name == "" {
		name = a.Policy.Name
	}
	text := fmt.Sprintf("an alert of policy %q is open", google.Cut(name))
	if opened, err := time.Parse(time.RFC3339Nano, a.OpenTime); err == nil {
		text += " since " + opened.UTC().Format(time.RFC3339)
		if opened.Before(since) {
			text += ", before the analysis began"
		}
	}
	return text
}
