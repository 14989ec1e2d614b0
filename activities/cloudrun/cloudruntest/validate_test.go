package cloudruntest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

func TestPatchIsValidated(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 39) // with "checkout" one more than 46
	for _, tt := range []struct {
		name  string
		mask  string
		body  *run.GoogleCloudRunV2Service
		want  string
		field string
	}{
		{"good split", "traffic", traffic(to("checkout-a", 40, ""), to("checkout-b", 60, "green")), "200", ""},
		{"longest tag", "traffic", traffic(to("checkout-a", 100, long[:38])), "200", ""},
		{"negative percent", "traffic", traffic(to("checkout-a", -1, ""), to("checkout-b", 101, "")), "400 INVALID_ARGUMENT", "service.traffic[0].percent"},
		{"percent above 100", "traffic", traffic(to("checkout-a", 101, "")), "400 INVALID_ARGUMENT", "service.traffic[0].percent"},
		{"sum below 100", "traffic", traffic(to("checkout-a", 99, "")), "400 INVALID_ARGUMENT", "service.traffic"},
		{"sum above 100", "traffic", traffic(to("checkout-a", 60, ""), to("checkout-b", 60, "")), "400 INVALID_ARGUMENT", "service.traffic"},
		{"no revision", "traffic", traffic(to("", 100, "")), "400 INVALID_ARGUMENT", "service.traffic[0].revision"},
		{"latest with revision", "traffic", traffic(&run.GoogleCloudRunV2TrafficTarget{Type: typeLatest, Revision: "checkout-a", Percent: 100}), "400 INVALID_ARGUMENT", "service.traffic[0].revision"},
		{"no type", "traffic", traffic(&run.GoogleCloudRunV2TrafficTarget{Revision: "checkout-a", Percent: 100}), "400 INVALID_ARGUMENT", "service.traffic[0].type"},
		{"duplicate tag", "traffic", traffic(to("checkout-a", 50, "green"), to("checkout-b", 50, "green")), "400 INVALID_ARGUMENT", "service.traffic[1].tag"},
		{"short tag", "traffic", traffic(to("checkout-a", 100, "ab")), "400 INVALID_ARGUMENT", "service.traffic[0].tag"},
		{"tag with underscore", "traffic", traffic(to("checkout-a", 100, "a_b")), "400 INVALID_ARGUMENT", "service.traffic[0].tag"},
		{"tag in capitals", "traffic", traffic(to("checkout-a", 100, "Green")), "400 INVALID_ARGUMENT", "service.traffic[0].tag"},
		{"tag too long with the service", "traffic", traffic(to("checkout-a", 100, long)), "400 INVALID_ARGUMENT", "service.traffic[0].tag"},
		{"unknown revision", "traffic", traffic(to("checkout-zz", 100, "")), "400 INVALID_ARGUMENT", "service.traffic[0].revision"},
		{"revision name of another service", "template", &run.GoogleCloudRunV2Service{Template: template("v3", "cart-a")}, "400 INVALID_ARGUMENT", "service.template.revision"},
		{"revision name too long", "template", &run.GoogleCloudRunV2Service{Template: template("v3", "checkout-"+strings.Repeat("x", 55))}, "400 INVALID_ARGUMENT", "service.template.revision"},
		{"revision name with capitals", "template", &run.GoogleCloudRunV2Service{Template: template("v3", "checkout-X")}, "400 INVALID_ARGUMENT", "service.template.revision"},
		{"revision name reused", "template", &run.GoogleCloudRunV2Service{Template: template("v3", "checkout-a")}, "409 ALREADY_EXISTS", ""},
		{"no template", "", &run.GoogleCloudRunV2Service{Labels: map[string]string{"a": "b"}}, "400 INVALID_ARGUMENT", "service.template"},
		{"no containers", "template.containers", &run.GoogleCloudRunV2Service{}, "400 INVALID_ARGUMENT", "service.template.containers"},
		{"no image", "template", &run.GoogleCloudRunV2Service{Template: template("", "")}, "400 INVALID_ARGUMENT", "service.template.containers[0].image"},
		{"unknown mask path", "traffics", traffic(toLatest(100)), "400 INVALID_ARGUMENT", "update_mask"},
		{"unknown path inside", "template.image", traffic(toLatest(100)), "400 INVALID_ARGUMENT", "update_mask"},
		{"mask into a list", "template.containers.image", traffic(toLatest(100)), "400 INVALID_ARGUMENT", "update_mask"},
		{"several paths and snake case", "template.max_instance_request_concurrency,annotations,labels,scaling,ingress,launchStage,description,client,clientVersion,traffic,uri", traffic(toLatest(100)), "200", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := start(t, cloudruntest.Options{})
			e.first()
			e.patch("template", &run.GoogleCloudRunV2Service{Template: template("v2", "checkout-b")})
			before := e.get()
			_, err := e.services.Patch(name, tt.body).UpdateMask(tt.mask).Do()
			if got := status(t, err); got != tt.want {
				t.Fatalf("got %s (%v), want %s", got, err, tt.want)
			}
			if err == nil {
				return
			}
			if got := violated(err); got != tt.field {
				t.Errorf("violates %q, want %q", got, tt.field)
			}
			if after := e.get(); after.Etag != before.Etag || after.Generation != before.Generation {
				t.Errorf("a refused patch changed the service")
			}
		})
	}
}

// violated returns the field of the first BadRequest violation.
func violated(err error) string {
	var g *googleapi.Error
	var body struct {
		Error struct {
			Details []struct {
				Violations []struct {
					Field string `json:"field"`
				} `json:"fieldViolations"`
			} `json:"details"`
		} `json:"error"`
	}
	if !errors.As(err, &g) || json.Unmarshal([]byte(g.Body), &body) != nil || len(body.Error.Details) == 0 {
		return ""
	}
	return body.Error.Details[0].Violations[0].Field
}

func TestCreateIsValidated(t *testing.T) {
	t.Parallel()
	good := template("v1", "")
	for _, tt := range []struct {
		name string
		id   string
		body *run.GoogleCloudRunV2Service
		want string
	}{
		{"good", "checkout2", &run.GoogleCloudRunV2Service{Template: good}, "200"},
		{"49 characters", "a" + strings.Repeat("b", 48), &run.GoogleCloudRunV2Service{Template: good}, "200"},
		{"50 characters", "a" + strings.Repeat("b", 49), &run.GoogleCloudRunV2Service{Template: good}, "400 INVALID_ARGUMENT"},
		{"digit first", "1checkout", &run.GoogleCloudRunV2Service{Template: good}, "400 INVALID_ARGUMENT"},
		{"trailing hyphen", "checkout-", &run.GoogleCloudRunV2Service{Template: good}, "400 INVALID_ARGUMENT"},
		{"capitals", "Checkout", &run.GoogleCloudRunV2Service{Template: good}, "400 INVALID_ARGUMENT"},
		{"no id", "", &run.GoogleCloudRunV2Service{Template: good}, "400 INVALID_ARGUMENT"},
		{"name in the body", "checkout2", &run.GoogleCloudRunV2Service{Name: "checkout2", Template: good}, "400 INVALID_ARGUMENT"},
		{"no template", "checkout2", &run.GoogleCloudRunV2Service{}, "400 INVALID_ARGUMENT"},
		{"traffic to what does not exist", "checkout2", &run.GoogleCloudRunV2Service{Template: good, Traffic: traffic(to("checkout2-a", 100, "")).Traffic}, "400 INVALID_ARGUMENT"},
		{"traffic to itself", "checkout2", &run.GoogleCloudRunV2Service{Template: template("v1", "checkout2-a"), Traffic: traffic(to("checkout2-a", 100, "")).Traffic}, "200"},
		{"exists", "checkout", &run.GoogleCloudRunV2Service{Template: good}, "409 ALREADY_EXISTS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := start(t, cloudruntest.Options{})
			e.first()
			_, err := e.services.Create(parent, tt.body).ServiceId(tt.id).Do()
			if got := status(t, err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if err != nil && strings.Contains(tt.name, "body") && !strings.Contains(err.Error(), "Violation in CreateServiceRequest.service.") {
				t.Errorf("message %q does not name the field", err)
			}
		})
	}
}

func TestUnknownResourcesAreNotFound(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	missing := parent + "/services/cart"
	for what, call := range map[string]func() error{
		"get service":      func() error { _, err := e.services.Get(missing).Do(); return err },
		"patch service":    func() error { _, err := e.services.Patch(missing, traffic(toLatest(100))).Do(); return err },
		"delete service":   func() error { _, err := e.services.Delete(missing).Do(); return err },
		"get revision":     func() error { _, err := e.services.Revisions.Get(name + "/revisions/no").Do(); return err },
		"list revisions":   func() error { _, err := e.services.Revisions.List(missing).Do(); return err },
		"delete revision":  func() error { _, err := e.services.Revisions.Delete(name + "/revisions/no").Do(); return err },
		"get operation":    func() error { _, err := e.ops.Get(parent + "/operations/no").Do(); return err },
		"delete operation": func() error { _, err := e.ops.Delete(parent + "/operations/no").Do(); return err },
		"wait": func() error {
			_, err := e.ops.Wait(parent+"/operations/no", &run.GoogleLongrunningWaitOperationRequest{}).Do()
			return err
		},
	} {
		if got := status(t, call()); got != "404 NOT_FOUND" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestUnknownBodyFieldsAreRefused(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, e.srv.URL()+"/v2/"+name, strings.NewReader(`{"splits": []}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %s", res.Status)
	}
}

func TestEtagModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[cloudruntest.EtagMode]string{"": "200", cloudruntest.EtagLenient: "200", cloudruntest.EtagStrict: "409 ABORTED"} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			e := start(t, cloudruntest.Options{Etag: mode})
			e.first()
			old := e.get()
			e.patch("description", &run.GoogleCloudRunV2Service{Description: "one", Etag: old.Etag})
			_, err := e.services.Patch(name, &run.GoogleCloudRunV2Service{Description: "two", Etag: old.Etag}).UpdateMask("description").Do()
			if got := status(t, err); got != want {
				t.Errorf("stale etag: %s, want %s", got, want)
			}
			e.patch("description", &run.GoogleCloudRunV2Service{Description: "three"})
		})
	}
}
