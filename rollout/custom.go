package rollout

import (
	"path"
	"strings"
)

// Custom is a rollout to a custom target: what its CustomTargetType's containers deploy to. Serin
// sees nothing there, so weights are configured, never observed; nothing is settled or put back.
type Custom struct {
	Type string `json:"type"` // the CustomTargetType
}

// RenderCount is how many phases of a release are rendered by containers, and how many of them are
// done.
type RenderCount struct {
	Done int `json:"done"`
	All  int `json:"all"`
}

// RenderingName is the name in the artifact store of the Rendering for one phase of a release, whose
// digest makes it another one for another content.
func RenderingName(pipeline, release, digest, target, phase string) string {
	return path.Join("renderings", pipeline, release, strings.TrimPrefix(digest, "sha256:"), target, phase+".json")
}
