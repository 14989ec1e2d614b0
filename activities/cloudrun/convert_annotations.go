package cloudrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	run "google.golang.org/api/run/v2"
)

// setter carries the value of one annotation over to a field of T.
type setter[T any] func(to *T, value string) error

// annotate applies the platform's annotations by the table known and returns all
// others, which are the user's own.
func annotate[T any](p *problems, path string, in map[string]string, known map[string]setter[T], to *T) map[string]string {
	var rest map[string]string
	for _, k := range slices.Sorted(maps.Keys(in)) {
		at := fmt.Sprintf("%s[%s]", path, k)
		set, ok := known[k]
		switch {
		case ok:
			if err := set(to, in[k]); err != nil {
				p.add(at, "%s", err)
			}
		case strings.HasPrefix(k, "serin.dev/"):
			p.add(at, "remove it: annotations under serin.dev/ are written by rollouts")
		case systemKey(k):
			p.add(at, "unknown annotation of the platform, known here are %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		default:
			if rest == nil {
				rest = map[string]string{}
			}
			rest[k] = in[k]
		}
	}
	return rest
}

// serviceAnnotations are the platform's annotations of a service.
func serviceAnnotations() map[string]setter[run.GoogleCloudRunV2Service] {
	type service = run.GoogleCloudRunV2Service
	return map[string]setter[service]{
		"run.googleapis.com/ingress": func(s *service, v string) error {
			return oneOf(&s.Ingress, v, map[string]string{
				"all": "INGRESS_TRAFFIC_ALL", "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY", "none": "INGRESS_TRAFFIC_NONE",
				"internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
			})
		},
		"run.googleapis.com/launch-stage": func(s *service, v string) error {
			return oneOf(&s.LaunchStage, v, map[string]string{"ALPHA": "ALPHA", "BETA": "BETA", "GA": "GA"})
		},
		"run.googleapis.com/description":    func(s *service, v string) error { s.Description = v; return nil },
		"run.googleapis.com/client-name":    func(s *service, v string) error { s.Client = v; return nil },
		"run.googleapis.com/client-version": func(s *service, v string) error { s.ClientVersion = v; return nil },
		"run.googleapis.com/binary-authorization": func(s *service, v string) error {
			binauthz(s).UseDefault = v == "default"
			if v != "default" {
				binauthz(s).Policy = v
			}
			return nil
		},
		"run.googleapis.com/binary-authorization-breakglass": func(s *service, v string) error {
			binauthz(s).BreakglassJustification = v
			return nil
		},
		"run.googleapis.com/minScale": func(s *service, v string) error {
			return force(&scaling(s).ForceSendFields, "MinInstanceCount", number(&scaling(s).MinInstanceCount, v))
		},
		"run.googleapis.com/maxScale": func(s *service, v string) error {
			return force(&scaling(s).ForceSendFields, "MaxInstanceCount", number(&scaling(s).MaxInstanceCount, v))
		},
		"run.googleapis.com/manualInstanceCount": func(s *service, v string) error {
			return force(&scaling(s).ForceSendFields, "ManualInstanceCount", number(&scaling(s).ManualInstanceCount, v))
		},
		"run.googleapis.com/scalingMode": func(s *service, v string) error {
			return oneOf(&scaling(s).ScalingMode, v, map[string]string{"automatic": "AUTOMATIC", "manual": "MANUAL"})
		},
		"run.googleapis.com/invoker-iam-disabled": func(s *service, v string) error {
			return force(&s.ForceSendFields, "InvokerIamDisabled", boolean(&s.InvokerIamDisabled, v))
		},
		"run.googleapis.com/iap-enabled": func(s *service, v string) error {
			return force(&s.ForceSendFields, "IapEnabled", boolean(&s.IapEnabled, v))
		},
		"run.googleapis.com/default-url-disabled": func(s *service, v string) error {
			return force(&s.ForceSendFields, "DefaultUriDisabled", boolean(&s.DefaultUriDisabled, v))
		},
		"run.googleapis.com/custom-audiences": func(s *service, v string) error {
			return decodeJSON(&s.CustomAudiences, v, `a list such as ["https://shop.example"]`)
		},
	}
}

func binauthz(s *run.GoogleCloudRunV2Service) *run.GoogleCloudRunV2BinaryAuthorization {
	if s.BinaryAuthorization == nil {
		s.BinaryAuthorization = &run.GoogleCloudRunV2BinaryAuthorization{}
	}
	return s.BinaryAuthorization
}

func scaling(s *run.GoogleCloudRunV2Service) *run.GoogleCloudRunV2ServiceScaling {
	if s.Scaling == nil {
		s.Scaling = &run.GoogleCloudRunV2ServiceScaling{}
	}
	return s.Scaling
}

// force makes a field be sent although it is zero: what the user wrote is not
// the same as nothing.
func force(fields *[]string, name string, err error) error {
	if err == nil {
		*fields = append(*fields, name)
	}
	return err
}

func oneOf(to *string, v string, known map[string]string) error {
	out, ok := known[v]
	if !ok {
		return fmt.Errorf("%q is unknown, known are %s", v, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	*to = out
	return nil
}

func number(to *int64, v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return errors.New("want a whole number that is not negative")
	}
	*to = n
	return nil
}

func boolean(to *bool, v string) error {
	switch v {
	case "true", "false":
		*to = v == "true"
		return nil
	default:
		return errors.New(`want "true" or "false"`)
	}
}

func decodeJSON(to any, v, want string) error {
	d := json.NewDecoder(strings.NewReader(v))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil || d.More() {
		return errors.New("want JSON, " + want)
	}
	return nil
}
