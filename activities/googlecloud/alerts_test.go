package googlecloud_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

func began() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// alert is an open one of policy, opened a minute after the analysis began.
func alert(policy string, change object) object {
	out := object{
		"name": "projects/42/alerts/7", "state": "OPEN", "openTime": "2026-03-01T12:01:00Z",
		"policy":   object{"name": policy, "displayName": "too many errors", "userLabels": object{"team": "web"}},
		"resource": object{"type": "cloud_run_revision", "labels": object{"service_name": "checkout", "location": "europe-west1"}},
		"metric":   object{"type": "run.googleapis.com/request_count", "labels": object{"response_code_class": "5xx"}},
		"metadata": object{"userLabels": object{"tier": "front"}},
		"log":      object{"extractedLabels": object{"code": "E7"}},
	}
	for key, value := range change {
		out[key] = value
	}
	return out
}

func TestOpen(t *testing.T) {
	t.Parallel()
	const policy = "projects/shop/alertPolicies/1"
	open := `an alert of policy "too many errors" is open since 2026-03-01T12:01:00Z`
	for _, c := range []struct {
		name   string
		alerts []object
		labels map[string]string
		want   string
	}{
		{name: "none", want: ""},
		{name: "open", alerts: []object{alert(policy, nil)}, want: open},
		{name: "the project as a number", alerts: []object{alert("projects/42/alertPolicies/1", nil)}, want: open},
		{name: "of another policy", alerts: []object{alert("projects/shop/alertPolicies/11", nil)}, want: ""},
		{name: "closed", alerts: []object{alert(policy, object{"state": "CLOSED"})}, want: ""},
		{name: "without a policy", alerts: []object{alert(policy, object{"policy": nil})}, want: ""},
		{
			name: "open before", alerts: []object{alert(policy, object{"openTime": "2026-03-01T11:59:00.5Z"})},
			want: `an alert of policy "too many errors" is open since 2026-03-01T11:59:00Z, before the analysis began`,
		},
		{
			name: "with nothing but what it must have", want: "an alert of policy \"projects/shop/alertPolicies/1\" is open",
			alerts: []object{{"state": "OPEN", "policy": object{"name": policy}}},
		},
		{
			name: "all labels", alerts: []object{alert(policy, nil)}, want: open,
			labels: map[string]string{"service_name": "checkout", "response_code_class": "5xx", "team": "web", "tier": "front", "code": "E7"},
		},
		{name: "one label is another", alerts: []object{alert(policy, nil)}, labels: map[string]string{"service_name": "checkout", "location": "us-east1"}},
		{name: "one label is missing", alerts: []object{alert(policy, nil)}, labels: map[string]string{"service_name": "checkout", "zone": ""}},
		{
			name:   "many",
			alerts: []object{alert(policy, nil), alert(policy, nil), alert(policy, nil), alert(policy, nil), alert(policy, nil)},
			want:   open + "; " + open + "; " + open + "; and 2 more",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := answers(t, func(r *http.Request) (int, any) {
				switch r.URL.Path {
				case "/v3/projects/shop/alertPolicies/1":
					return 200, object{"name": policy}
				case "/v3/projects/shop/alerts":
					same(t, r.URL.Query(), map[string]string{"filter": `state="OPEN"`})
					return 200, object{"alerts": c.alerts, "totalSize": len(c.alerts)}
				}
				return 404, problem(404, "NOT_FOUND")
			})
			check := alertCheck()
			check.Labels = c.labels
			got, err := client(s).Open(t.Context(), check, began())
			if err != nil || got != c.want {
				t.Errorf("got %q, %v\nwant %q", got, err, c.want)
			}
		})
	}
}

// TestOpenReadsEveryPageOfEveryProject: the alert is on the second page of the second project.
func TestOpenReadsEveryPageOfEveryProject(t *testing.T) {
	t.Parallel()
	s := answers(t, func(r *http.Request) (int, any) {
		switch r.URL.Path {
		case "/v3/projects/shop/alerts":
			return 200, object{}
		case "/v3/projects/pay/alerts":
			if r.URL.Query().Get("pageToken") == "" {
				return 200, object{"alerts": []object{alert("projects/pay/alertPolicies/8", nil)}, "nextPageToken": "more"}
			}
			return 200, object{"alerts": []object{alert("projects/pay/alertPolicies/9", nil)}}
		}
		return 200, object{}
	})
	got, err := client(s).Open(t.Context(), rollout.AlertCheck{Policies: []string{
		"projects/shop/alertPolicies/1", "projects/pay/alertPolicies/9", "projects/shop/alertPolicies/2",
	}}, began())
	if want := `an alert of policy "too many errors" is open since 2026-03-01T12:01:00Z`; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestUnknownPolicy: it has no alerts, which is not health.
func TestUnknownPolicy(t *testing.T) {
	t.Parallel()
	s := answers(t, func(r *http.Request) (int, any) {
		if r.URL.Path == "/v3/projects/shop/alerts" {
			return 200, object{}
		}
		return 404, problem(404, "NOT_FOUND")
	})
	_, err := client(s).Open(t.Context(), alertCheck(), began())
	wantError(t, "alerts", err, rollout.NotFound, "googleCloud: read alert policy projects/shop/alertPolicies/1: 404 NOT_FOUND")
}

func TestPolicyNames(t *testing.T) {
	t.Parallel()
	s := answers(t, func(r *http.Request) (int, any) {
		t.Errorf("asked for %s", r.URL)
		return 200, object{}
	})
	for _, name := range []string{"", "1", "alertPolicies/1", "projects/shop/alertPolicies/", "projects//alertPolicies/1", "projects/shop/alertPolicies/1/2", "projects/../alertPolicies/1", "projects/a?b/alertPolicies/1"} {
		_, err := client(s).Open(t.Context(), rollout.AlertCheck{Policies: []string{name}}, began())
		wantError(t, name, err, rollout.Invalid, "read alert policy")
	}
	_, err := client(s).Open(t.Context(), rollout.AlertCheck{}, began())
	wantError(t, "none", err, rollout.Invalid, "there is no alert policy to look at")
}
