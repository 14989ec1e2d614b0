package googlecloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	reporting "google.golang.org/api/clouderrorreporting/v1beta1"

	"github.com/serin-dev/serin/rollout"
)

const (
	groupsPage = 100
	// groupsAsked is how many groups are asked for at once: each is a parameter of the URL.
	groupsAsked  = 50
	opListErrors = "list error groups"
	// longest is the longest range that Error Reporting answers for.
	longest = "PERIOD_30_DAYS"
)

// New returns the groups of errors that the analysis has seen on revision of service and that are new with
// it, in one line; "" means that there is none. A group is new if no other version of the service had it
// before, or if no other one had it in the last 30 days. Muted groups do not count. The
// texts of the errors are not part of the answer: they may hold what a request held.
//
// The service and the version are those of Error Reporting, which for Cloud Run are its service and its revision.
//
// Errors: Invalid, NotFound, Denied, Transient.
func (c *Client) New(ctx context.Context, check rollout.ErrorCheck, service, revision string, since time.Time) (string, error) {
	in, err := parent(opListErrors, check.Project)
	if err != nil {
		return "", err
	}
	if service == "" || revision == "" {
		return "", invalid(opListErrors, "in "+in, errors.New("the service and the revision of the canary are needed: without them the errors of all would count"))
	}
	api, err := c.dialReporting(ctx)
	if err != nil {
		return "", err
	}
	q := query{api: api, project: in, service: service}
	canary, err := q.list(ctx, revision, period(time.Since(since)))
	if err != nil {
		return "", err
	}
	canary = slices.DeleteFunc(canary, func(g *reporting.ErrorGroupStats) bool {
		last, known := at(g.LastSeenTime)
		return g.Group == nil || known && last.Before(since)
	})
	everywhere, err := q.everywhere(ctx, canary)
	if err != nil {
		return "", err
	}
	return fresh(canary, everywhere, revision), nil
}

// query asks for the groups of one service.
type query struct {
	api     *reporting.Service
	project string // "projects/P"
	service string
}

// list returns the groups of a version within a range, of all regions. "" is every version, and no ids are all groups.
func (q query) list(ctx context.Context, version, period string, ids ...string) ([]*reporting.ErrorGroupStats, error) {
	call := q.api.Projects.Locations.GroupStats.List(q.project + "/locations/-").
		ServiceFilterService(q.service).TimeRangePeriod(period).PageSize(groupsPage)
	if version != "" {
		call.ServiceFilterVersion(version)
	}
	if len(ids) > 0 {
		call.GroupId(ids...)
	}
	var out []*reporting.ErrorGroupStats
	err := call.Pages(ctx, func(page *reporting.ListGroupStatsResponse) error {
		out = append(out, page.ErrorGroupStats...)
		return nil
	})
	return out, typed(opListErrors, fmt.Sprintf("of service %s in %s", q.service, q.project), grantErrors, err)
}

// everywhere returns what is known of these groups for every version, by their ids.
func (q query) everywhere(ctx context.Context, some []*reporting.ErrorGroupStats) (map[string]*reporting.ErrorGroupStats, error) {
	ids := make([]string, len(some))
	for i, g := range some {
		ids[i] = g.Group.GroupId
	}
	out := map[string]*reporting.ErrorGroupStats{}
	for part := range slices.Chunk(ids, groupsAsked) {
		groups, err := q.list(ctx, "", longest, part...)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			if g.Group != nil {
				out[g.Group.GroupId] = g
			}
		}
	}
	return out, nil
}

// fresh says which of the canary's groups are new with it, by what is known of them for every version.
func fresh(canary []*reporting.ErrorGroupStats, everywhere map[string]*reporting.ErrorGroupStats, revision string) string {
	var found []string
	for _, g := range canary {
		all := everywhere[g.Group.GroupId]
		switch {
		case all == nil: // nobody has counted it yet but the canary
		case !firstOn(g, all) && !onlyOn(all, revision):
			continue
		}
		found = append(found, fmt.Sprintf("error group %s is new with %s (%d times)", g.Group.GroupId, revision, max(g.Count, 1)))
	}
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	const shown = 3
	if more := len(found) - shown; more > 0 {
		found = append(found[:shown], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(found, "; ")
}

// firstOn reports whether the group was first seen on the canary. Each time is the first one ever among
// what was asked for: the canary's alone, and that of every version. A time that is not known is
// no proof of an earlier one.
func firstOn(canary, all *reporting.ErrorGroupStats) bool {
	onCanary, known := at(canary.FirstSeenTime)
	anywhere, also := at(all.FirstSeenTime)
	return !known || !also || !anywhere.Before(onCanary)
}

// onlyOn reports whether nothing but revision has the group.
func onlyOn(all *reporting.ErrorGroupStats, revision string) bool {
	others := slices.ContainsFunc(all.AffectedServices, func(s *reporting.ServiceContext) bool { return s.Version != revision })
	return len(all.AffectedServices) > 0 && !others && all.NumAffectedServices <= int64(len(all.AffectedServices))
}

func at(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// period is the shortest range of Error Reporting that covers what has passed.
func period(passed time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case passed <= time.Hour:
		return "PERIOD_1_HOUR"
	case passed <= 6*time.Hour:
		return "PERIOD_6_HOURS"
	case passed <= day:
		return "PERIOD_1_DAY"
	case passed <= 7*day:
		return "PERIOD_1_WEEK"
	default:
		return longest
	}
}
