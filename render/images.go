package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// setImages replaces images in every list of containers. It returns the names
// that no container has, and the images that there were, both sorted. An image
// matches a name if it is equal to it, or is it with any tag or digest; the
// equal one wins.
func setImages(docs documents, images map[string]string, ps *Problems) (left, there []string) {
	used, seen := map[string]bool{}, map[string]bool{}
	eachImage(docs, func(n *yaml.Node) {
		seen[n.Value] = true
		for _, name := range []string{n.Value, imageName(n.Value)} {
			if ref, ok := images[name]; ok {
				used[name] = true
				n.SetString(ref)
				return
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(images)) {
		ref := images[name]
		switch {
		case name == "" || ref == "" || strings.ContainsAny(name+ref, " \t\r\n") || strings.Contains(ref, "://"):
			*ps = append(*ps, Problem{Path: "images", Text: fmt.Sprintf("%q=%q is no pair of a name and an image such as app=registry/app:v1", name, ref)})
		case !used[name]:
			left = append(left, name)
		}
	}
	return left, slices.Sorted(maps.Keys(seen))
}

// unmatched is the problem of names that are not among the images of a source.
func unmatched(names, there []string) Problems {
	if len(names) == 0 {
		return nil
	}
	return Problems{{Path: "images", Text: fmt.Sprintf("no container uses %s: %s", strings.Join(names, ", "), known("the source has", there))}}
}

// CheckImages reports the names of Request.Images that no manifest of a release and no
// job of a phase has. It is for manifests rendered with SomeImages.
func CheckImages(manifests ...Manifest) error {
	if len(manifests) == 0 {
		return nil
	}
	there := map[string]bool{}
	left := slices.Clone(manifests[0].Unmatched)
	for _, m := range manifests {
		for _, image := range m.images {
			there[image] = true
		}
		left = slices.DeleteFunc(left, func(name string) bool { return !slices.Contains(m.Unmatched, name) })
	}
	return unmatched(left, slices.Sorted(maps.Keys(there))).failure("render")
}

// eachImage calls visit once for every image of a container, of any kind of
// object: Kubernetes and its custom resources, and Cloud Run, use the same lists.
func eachImage(docs documents, visit func(*yaml.Node)) {
	seen := map[*yaml.Node]bool{}
	for _, d := range docs {
		walk(d.root, map[*yaml.Node]bool{}, func(n *yaml.Node) {
			for _, key := range []string{"containers", "initContainers", "ephemeralContainers"} {
				for _, c := range elements(field(n, key)) {
					image := field(c, "image")
					if image != nil && image.Kind == yaml.ScalarNode && image.Value != "" && !seen[image] {
						seen[image] = true
						visit(image)
					}
				}
			}
		})
	}
}

// walk calls visit for every mapping below n, once for each.
func walk(n *yaml.Node, seen map[*yaml.Node]bool, visit func(*yaml.Node)) {
	n = target(n)
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	if n.Kind == yaml.MappingNode {
		visit(n)
	}
	for _, c := range n.Content {
		walk(c, seen, visit)
	}
}

// imageName is ref without its tag and digest.
func imageName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon]
	}
	return ref
}
