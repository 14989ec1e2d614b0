package pipeline

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/xrash/smetrics"
)

// maxWord bounds the words that are compared with known ones, in bytes.
const maxWord = 64

// hint explains keys that people write from other pages or other tools, or
// returns "".
func hint(t reflect.Type, path, key string) string {
	if other := instead(t, key); other != "" {
		return fmt.Sprintf("unknown key: it is called %s here", other)
	}
	if path == "" && key == "spec" {
		return "unknown key: there is no spec, its keys belong to the top level"
	}
	if path == "" && slices.Contains([]string{"name", "labels", "annotations"}, key) {
		return fmt.Sprintf("unknown key: it belongs to metadata.%s", key)
	}
	if path == "" && slices.Contains(outputs(), key) {
		return "unknown key: the service sets it, remove it"
	}
	if where := home(key); where != "" {
		return fmt.Sprintf("unknown key; %s belongs to %s", key, where)
	}
	return ""
}

// outputs are keys of the API that only the service sets.
func outputs() []string {
	return []string{
		"uid", "etag", "createTime", "updateTime", "condition", "targetId", "customTargetTypeId",
	}
}

// instead is today's name of a key of t that is known under another name
// elsewhere, or "".
func instead(t reflect.Type, key string) string {
	var names map[string]string
	switch t {
	case reflect.TypeFor[PhaseConfig]():
		names = map[string]string{"name": "phaseId", "id": "phaseId", "percent": "percentage", "weight": "percentage"}
	case reflect.TypeFor[CanaryDeployment]():
		names = map[string]string{"percentage": "percentages", "steps": "percentages", "weights": "percentages"}
	case reflect.TypeFor[OneTimeWindow]():
		names = map[string]string{"startDate": "start", "startTime": "start", "endDate": "end", "endTime": "end"}
	case reflect.TypeFor[RolloutRestriction]():
		names = map[string]string{"name": "id"}
	case reflect.TypeFor[Target]():
		names = map[string]string{"cloudRun": "run"}
	case reflect.TypeFor[CustomTarget]():
		names = map[string]string{"cloudRun": "run", "type": "customTargetType"}
	case reflect.TypeFor[GatewayServiceMesh]():
		names = map[string]string{"httpRoutes": "routes", "grpcRoutes": "routes"}
	case reflect.TypeFor[ValueMatch]():
		names = map[string]string{"exact": "value", "pattern": "regex"}
	}
	return names[key]
}

// home is where a key belongs that people put one level too high or too low.
func home(key string) string {
	switch key {
	case "automaticTrafficControl", "canaryRevisionTags", "priorRevisionTags", "stableRevisionTags":
		return "canary.runtimeConfig.cloudRun"
	case "runtimeConfig", "onFailure", "customCanaryDeployment", "canaryDeployment":
		return "strategy.canary"
	case "phaseConfigs":
		return "canary.customCanaryDeployment"
	case "percentages":
		return "canary.canaryDeployment"
	case "gatewayServiceMesh", "serviceNetworking", "canaryMetadata", "stableMetadata":
		return "canary.runtimeConfig.kubernetes"
	case "stages":
		return "serialPipeline"
	}
	return ""
}

// oneOf says that word is none of known, or "".
func oneOf(word string, known []string) string {
	if slices.Contains(known, word) {
		return ""
	}
	text := fmt.Sprintf("is %q, want one of %s", word, strings.Join(known, ", "))
	if near := nearest(word, known); near != "" {
		text += fmt.Sprintf(": did you mean %s?", near)
	}
	return text
}

// nearest is the one of known that word most likely means, or "".
func nearest(word string, known []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	if len(word) > maxWord {
		return ""
	}
	for _, k := range known {
		if n := smetrics.WagnerFischer(strings.ToLower(word), strings.ToLower(k), 1, 1, 1); n < distance {
			best, distance = k, n
		}
	}
	return best
}
