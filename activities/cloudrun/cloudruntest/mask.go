package cloudruntest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"
)

// object is a JSON object by member.
type object = map[string]any

// outputOnly lists the members of a service that a write cannot set; they are
// ignored in bodies and in masks.
func outputOnly() []string {
	return []string{
		"name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator",
		"lastModifier", "etag", "reconciling", "conditions", "observedGeneration", "terminalCondition",
		"latestCreatedRevision", "latestReadyRevision", "trafficStatuses", "uri", "urls", "satisfiesPzs", "functionalType",
	}
}

// decodeService reads a service from a request body. A member that the API does
// not have is refused, as the real one does.
func decodeService(body []byte) (*run.GoogleCloudRunV2Service, object, error) {
	svc := new(run.GoogleCloudRunV2Service)
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(svc); err != nil {
		text := strings.TrimPrefix(err.Error(), "json: ")
		return nil, nil, invalid("service", "Invalid JSON payload received. %s", text)
	}
	var raw object
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, nil, invalid("service", "Invalid JSON payload received. %s", err)
	}
	return svc, userPart(raw), nil
}

// userPart removes the output-only members of o and returns it.
func userPart(o object) object {
	for _, k := range outputOnly() {
		delete(o, k)
	}
	return o
}

func toObject(v any) object {
	var o object
	convert(v, &o)
	return o
}

// maskPaths splits a field mask into lowerCamelCase paths and refuses unknown
// ones. Nil means everything: the mask is empty or "*".
func maskPaths(mask string) ([]string, error) {
	if mask == "" || mask == "*" {
		return nil, nil
	}
	var paths []string
	for p := range strings.SplitSeq(mask, ",") {
		p = camel(strings.TrimSpace(p))
		if !knownPath(reflect.TypeFor[run.GoogleCloudRunV2Service](), strings.Split(p, ".")) {
			return nil, invalid("update_mask", "Violation in UpdateServiceRequest.update_mask: path '%s' is not a field of Service.", p)
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// camel turns snake_case, which masks may use as well, into lowerCamelCase.
func camel(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// knownPath reports whether path leads through messages to a field. It does not
// lead into lists and maps.
func knownPath(t reflect.Type, path []string) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(path) == 0 {
		return true
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == path[0] && name != "-" && name != "" {
			return knownPath(t.Field(i).Type, path[1:])
		}
	}
	return false
}

// merge lays the members of body that paths name over current; nil paths take
// the whole body. Both objects hold the user's part only; current is changed.
func merge(current, body object, paths []string) object {
	if paths == nil {
		return body
	}
	for _, p := range paths {
		steps := strings.Split(p, ".")
		if !slices.Contains(outputOnly(), steps[0]) {
			lay(current, body, steps)
		}
	}
	return current
}

func lay(to, from object, path []string) {
	v, ok := from[path[0]]
	if len(path) == 1 {
		if ok && v != nil {
			to[path[0]] = v
		} else {
			delete(to, path[0])
		}
		return
	}
	inner, _ := v.(object) // a missing message has only missing members
	target, _ := to[path[0]].(object)
	if target == nil {
		if inner == nil {
			return
		}
		target = object{}
		to[path[0]] = target
	}
	lay(target, inner, path[1:])
}

// toService turns the user's part back into a service.
func toService(o object) (*run.GoogleCloudRunV2Service, error) {
	svc := new(run.GoogleCloudRunV2Service)
	if err := json.Unmarshal(mustJSON(o), svc); err != nil {
		return nil, invalid("service", "Invalid JSON payload received. %s", err)
	}
	return svc, nil
}

// sameUserPart reports whether two services ask for the same.
func sameUserPart(a, b *run.GoogleCloudRunV2Service) bool {
	return bytes.Equal(mustJSON(userPart(toObject(a))), mustJSON(userPart(toObject(b))))
}

// sameTemplate reports whether two templates are the same but for the name they
// give the revision.
func sameTemplate(a, b *run.GoogleCloudRunV2RevisionTemplate) bool {
	oa, ob := toObject(a), toObject(b)
	delete(oa, "revision")
	delete(ob, "revision")
	return bytes.Equal(mustJSON(oa), mustJSON(ob))
}
