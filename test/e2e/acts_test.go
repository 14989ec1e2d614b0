package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/test/world"
)

// eve is somebody who changes services past Serin.
const eve = "eve@example.com"

// terraform makes the service past Serin, following LATEST as a new service does.
func (s *scene) terraform(image string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"template":{"containers":[{"image":"img/%s"}]}}`, image)
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost,
		s.w.Run.URL()+"/v2/"+world.Parent+"/services?serviceId="+s.pipeline(), bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Goog-Authenticated-User", eve)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("create service: %s", res.Status)
	}
	if err := s.w.Run.WaitSplit(s.ctx, s.service(), func(shares map[string]int64) bool { return len(shares) == 1 }); err != nil {
		s.t.Fatal(err)
	}
}

// moves gives releases shares past Serin, as somebody in a hurry would.
func (s *scene) moves(shares map[string]int64) {
	s.t.Helper()
	var traffic []*run.GoogleCloudRunV2TrafficTarget
	for revision, release := range s.images() {
		if percent := shares[release]; percent > 0 {
			traffic = append(traffic, &run.GoogleCloudRunV2TrafficTarget{
				Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: revision, Percent: percent,
			})
		}
	}
	if err := s.w.Run.ExternalPatch(s.service(), func(svc *run.GoogleCloudRunV2Service) { svc.Traffic = traffic }, eve); err != nil {
		s.t.Fatal(err)
	}
	if err := s.w.Run.WaitSplit(s.ctx, s.service(), func(now map[string]int64) bool { return len(now) == len(traffic) }); err != nil {
		s.t.Fatal(err)
	}
}

// tagged wants the tags that the service has now, as "tag=release", sorted.
func (s *scene) tagged(want string) {
	s.t.Helper()
	splits, images := s.w.Run.Splits(s.service()), s.images()
	var got []string
	for tag, revision := range splits[len(splits)-1].Tags {
		got = append(got, tag+"="+images[revision])
	}
	slices.Sort(got)
	if strings.Join(got, " ") != want {
		s.t.Errorf("tags are %q, want %q", strings.Join(got, " "), want)
	}
}

// profiles is a source whose profile small has another image than the rest.
func profiles(service, small, rest string) map[string]string {
	return map[string]string{
		"skaffold.yaml": `apiVersion: skaffold/v4beta11
kind: Config
manifests:
  rawYaml: [stable.yaml]
profiles:
  - name: small
    manifests:
      rawYaml: [small.yaml]
`,
		"small.yaml":  world.Manifest(service, small),
		"stable.yaml": world.Manifest(service, rest),
	}
}
