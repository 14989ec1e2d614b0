package jobs_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func TestWhereTheCanaryAnswers(t *testing.T) {
	t.Parallel()
	onCloudRun := func(w *activities.Work) {
		w.Target.Runtime, w.Target.Location, w.Kubernetes = rollout.RuntimeCloudRun, "projects/acme/locations/europe-west1", nil
		w.CloudRun = &rollout.CloudRun{Service: "web", CanaryTags: []string{"canary"}}
	}
	promoted := func(w *activities.Work) { w.Promotion = true }
	behindOne := func(w *activities.Work) { w.Kubernetes.Gateway, w.Kubernetes.Pods = nil, &rollout.Pods{} }
	const refusal = "read http check home: {{.CanaryURL}} has no value in canary-25: "
	for _, row := range []struct {
		name string
		work func(*activities.Work)
		url  string
		want string // what is asked, or why nothing is
	}{
		{"the canary's Service", func(*activities.Work) {}, "", "http://web-canary.store.svc"},
		{"the canary's Service behind an Ingress", func(w *activities.Work) { w.Kubernetes.Gateway, w.Kubernetes.Ingress = nil, &rollout.Ingress{} }, "", "http://web-canary.store.svc"},
		{"in stable", promoted, "", "http://web.store.svc"},
		{"pods behind one Service", behindOne, "", refusal + "with serviceNetworking one Service reaches both versions: use gatewayServiceMesh or ingress, or verify with tasks"},
		{"pods behind one Service in stable", func(w *activities.Work) { behindOne(w); promoted(w) }, "", "http://web.store.svc"},
		{"an address of the service is not the canary's", func(*activities.Work) {}, "http://web.test", "http://web-canary.store.svc"},
		{"an address of the service in stable", promoted, "http://web.test", "http://web.test"},
		{"no Service", func(w *activities.Work) { w.Kubernetes.Service = "" }, "", refusal + "there is no Service of the release: give the address itself"},
		{"a Service whose name could be another host", func(w *activities.Work) { w.Kubernetes.Service = "evil.test/x" }, "", refusal + "there is no Service of the release: give the address itself"},
		{"Cloud Run by tag", onCloudRun, "https://web-1.a.run.app", "https://canary---web-1.a.run.app"},
		{"Cloud Run without a tag", func(w *activities.Work) { onCloudRun(w); w.CloudRun.CanaryTags = nil }, "https://web-1.a.run.app", refusal + "no address reaches only the canary: add canaryRevisionTags to runtimeConfig.cloudRun"},
		{"Cloud Run by the manifest", func(w *activities.Work) { onCloudRun(w); w.Custom = true }, "https://web-1.a.run.app", refusal + "the manifest itself shapes the traffic: give the address by its tag"},
		{"Cloud Run without an address", onCloudRun, "", refusal + "Cloud Run tells no address of the service"},
		{"Cloud Run in stable", func(w *activities.Work) { onCloudRun(w); promoted(w) }, "https://web-1.a.run.app", "https://web-1.a.run.app"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, server := newSite(t), &served{answer: always(200, "")}
			s.client = &http.Client{Transport: server}
			r := s.request(rollout.JobSpec{HTTP: []rollout.HTTPCheck{get("{{.CanaryURL}}/x")}})
			row.work(&r.Work)
			r.URL = row.url
			_, err := s.do(activities.RunJob, r)
			if kind, text := activities.Cause(err); err != nil && (kind != rollout.Invalid || text != row.want || len(server.asked) > 0) {
				t.Errorf("%s: %s; asked %q; want %s", kind, text, server.asked, row.want)
			}
			if err == nil && server.asked[0] != "GET "+row.want+"/x" {
				t.Errorf("asked %s, want %s/x", server.asked[0], row.want)
			}
		})
	}
}

// No name that a configuration gives makes another host the release's own.
func TestOwnHostsAreNamesOfDNS(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"evil.test/", "evil.test:80#", "user@evil.test", "evil.test"} {
		s, server := newSite(t), &served{answer: always(200, "")}
		s.client = &http.Client{Transport: server}
		r := s.request(rollout.JobSpec{HTTP: []rollout.HTTPCheck{get("http://" + service)}})
		r.Work.Kubernetes.Service = service
		if _, err := s.do(activities.RunJob, r); err == nil || len(server.asked) > 0 {
			t.Errorf("%s: asked %q", service, server.asked)
		}
	}
}

// RFC 6761 6.3: names below localhost are this machine, whatever its resolver knows.
func TestNamesBelowLocalhostAreThisMachine(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "canary---web.localhost"} {
		s := newSite(t)
		s.hosts = activities.Hosts{host}
		c := get("http://" + net.JoinHostPort(host, port))
		c.Match = "^" + host + ":" + port + "$"
		if out := s.runs(rollout.JobSpec{HTTP: []rollout.HTTPCheck{c}}); out.Verdict != rollout.VerdictPass {
			t.Errorf("%s: %s", host, out.Reason)
		}
	}
}
