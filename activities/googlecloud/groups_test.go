package googlecloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// seen is when a group was seen, in minutes from the beginning of the analysis.
type seen struct {
	first, last int
	versions    []string // that have it
	more        int      // how many other versions have it that are not listed
}

func TestNew(t *testing.T) {
	t.Parallel()
	const canary, stable = "checkout-2", "checkout-1"
	for _, c := range []struct {
		name     string
		onCanary *seen
		anywhere *seen
		want     string
	}{
		{name: "no errors"},
		{
			name: "first on the canary", onCanary: &seen{first: 1, last: 2}, anywhere: &seen{first: 1, last: 2, versions: []string{canary}},
			want: "error group g0 is new with checkout-2 (5 times)",
		},
		{
			name: "first on the canary, and then on stable", onCanary: &seen{first: 1, last: 2},
			anywhere: &seen{first: 1, last: 3, versions: []string{canary, stable}}, want: "error group g0 is new with checkout-2 (5 times)",
		},
		{
			name: "first in the phase before, and still", onCanary: &seen{first: -60, last: 2},
			anywhere: &seen{first: -60, last: 2, versions: []string{canary}}, want: "error group g0 is new with checkout-2 (5 times)",
		},
		{name: "an old one", onCanary: &seen{first: 1, last: 2}, anywhere: &seen{first: -5000, last: 2, versions: []string{canary, stable}}},
		{name: "stable had it a minute before", onCanary: &seen{first: 2, last: 2}, anywhere: &seen{first: 1, last: 2, versions: []string{canary, stable}}},
		{name: "not seen since the analysis began", onCanary: &seen{first: -30, last: -20}, anywhere: &seen{first: -30, last: -20, versions: []string{canary}}},
		{
			name: "nobody else had it for long", onCanary: &seen{first: 1, last: 2},
			anywhere: &seen{first: -100_000, last: 2, versions: []string{canary}}, want: "error group g0 is new with checkout-2 (5 times)",
		},
		{name: "others have it that are not listed", onCanary: &seen{first: 1, last: 2}, anywhere: &seen{first: -100_000, last: 2, versions: []string{canary}, more: 3}},
		{name: "not counted elsewhere yet", onCanary: &seen{first: 1, last: 2}, want: "error group g0 is new with checkout-2 (5 times)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now().Add(-5 * time.Minute)
			s := answers(t, func(r *http.Request) (int, any) {
				if r.URL.Path != "/v1beta1/projects/shop/locations/-/groupStats" {
					t.Errorf("asked for %s", r.URL)
				}
				q := r.URL.Query()
				if q.Get("serviceFilter.version") == "" {
					same(t, q, map[string]string{"serviceFilter.service": "checkout", "timeRange.period": "PERIOD_30_DAYS", "groupId": "g0"})
					return 200, groups(began, c.anywhere)
				}
				same(t, q, map[string]string{"serviceFilter.service": "checkout", "serviceFilter.version": canary, "timeRange.period": "PERIOD_1_HOUR"})
				return 200, groups(began, c.onCanary)
			})
			got, err := client(s).New(t.Context(), errorCheck(), "checkout", canary, began)
			if err != nil || got != c.want {
				t.Errorf("got %q, %v\nwant %q", got, err, c.want)
			}
			if strings.Contains(got, "password") {
				t.Error("the text of an error is in the reason")
			}
		})
	}
}

// groups is a list of one group, or of none.
func groups(began time.Time, s *seen) object {
	if s == nil {
		return object{"timeRangeBegin": began.Format(time.RFC3339)}
	}
	return object{"errorGroupStats": []object{group("g0", began, *s)}}
}

func group(id string, began time.Time, s seen) object {
	at := func(minutes int) string {
		return began.Add(time.Duration(minutes) * time.Minute).UTC().Format(time.RFC3339Nano)
	}
	services := []object{}
	for _, v := range s.versions {
		services = append(services, object{"service": "checkout", "version": v, "resourceType": "cloud_run_revision"})
	}
	return object{
		"group": object{"name": "projects/shop/groups/" + id, "groupId": id, "resolutionStatus": "OPEN"},
		"count": "5", "firstSeenTime": at(s.first), "lastSeenTime": at(s.last),
		"affectedServices": services, "numAffectedServices": len(services) + s.more,
		"representative": object{"message": "the password is swordfish"},
	}
}

// TestNewReadsEveryPage: 120 groups on two pages, asked for again in three parts. All but two are old.
func TestNewReadsEveryPage(t *testing.T) {
	t.Parallel()
	began := time.Now().Add(-2 * time.Hour)
	s := answers(t, func(r *http.Request) (int, any) {
		q, page := r.URL.Query(), []object{}
		if q.Get("serviceFilter.version") == "" {
			if len(q["groupId"]) > 50 {
				t.Errorf("%d groups in one request", len(q["groupId"]))
			}
			for _, id := range q["groupId"] {
				first := -9000
				if id == "g17" || id == "g119" {
					first = 1
				}
				page = append(page, group(id, began, seen{first: first, last: 3, versions: []string{"checkout-2", "checkout-1"}}))
			}
			return 200, object{"errorGroupStats": page}
		}
		same(t, q, map[string]string{"timeRange.period": "PERIOD_6_HOURS"})
		from, next := 0, "more"
		if q.Get("pageToken") == "more" {
			from, next = 60, ""
		}
		for i := range 60 {
			page = append(page, group(fmt.Sprint("g", from+i), began, seen{first: 1, last: 3}))
		}
		return 200, object{"errorGroupStats": page, "nextPageToken": next}
	})
	got, err := client(s).New(t.Context(), errorCheck(), "checkout", "checkout-2", began)
	want := "error group g119 is new with checkout-2 (5 times); error group g17 is new with checkout-2 (5 times)"
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestPeriod: the range that is asked for covers the analysis.
func TestPeriod(t *testing.T) {
	t.Parallel()
	for ago, want := range map[time.Duration]string{
		time.Minute: "PERIOD_1_HOUR", 90 * time.Minute: "PERIOD_6_HOURS", 20 * time.Hour: "PERIOD_1_DAY",
		48 * time.Hour: "PERIOD_1_WEEK", 200 * time.Hour: "PERIOD_30_DAYS",
	} {
		s := answers(t, func(r *http.Request) (int, any) {
			same(t, r.URL.Query(), map[string]string{"timeRange.period": want})
			return 200, object{}
		})
		if got, err := client(s).New(t.Context(), errorCheck(), "checkout", "checkout-2", time.Now().Add(-ago)); got != "" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// TestNewOfNothing: without the service and the revision the errors of everything would count.
func TestNewOfNothing(t *testing.T) {
	t.Parallel()
	s := answers(t, func(r *http.Request) (int, any) {
		t.Errorf("asked for %s", r.URL)
		return 200, object{}
	})
	for _, c := range [][3]string{{"", "checkout", "checkout-2"}, {"shop", "", "checkout-2"}, {"shop", "checkout", ""}, {"a/b", "checkout", "checkout-2"}, {"..", "checkout", "checkout-2"}} {
		_, err := client(s).New(t.Context(), rollout.ErrorCheck{Project: c[0]}, c[1], c[2], time.Now())
		wantError(t, fmt.Sprint(c), err, rollout.Invalid, "list error groups")
	}
}
