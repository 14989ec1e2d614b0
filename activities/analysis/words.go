package analysis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// The words of queries.
const (
	wordCanary    = "Canary"
	wordStable    = "Stable"
	wordService   = "Service"
	wordNamespace = "Namespace"
	wordInterval  = "Interval"

	wordFresh = "fresh pods" // of stable: a query cannot name them
)

// words are the values of what a query may name; "" is a value that is not known.
type words map[string]string

// words returns what the queries of w may name. On Cloud Run the canary and stable are revisions
// and the namespace is the project; on Kubernetes they are Deployments, and once
// the release is being promoted the canary is the original.
func (a *Activities) words(ctx context.Context, w activities.Work) (words, error) {
	switch {
	case w.CloudRun != nil:
		p, ok := a.o.Platforms[w.Target.Runtime]
		if !ok {
			return nil, fail(w, rollout.Unsupported, fmt.Errorf("this worker has no provider %q", w.Target.Runtime))
		}
		seen, err := p.Observe(ctx, w)
		if err != nil {
			return nil, err
		}
		return words{
			wordCanary: seen.Revision, wordStable: w.Stable, wordService: w.CloudRun.Service,
			wordNamespace: project(w.Target.Location),
		}, nil
	case w.Kubernetes != nil:
		return ofKubernetes(w), nil
	default:
		return words{wordStable: w.Stable}, nil
	}
}

func ofKubernetes(w activities.Work) words {
	k := w.Kubernetes
	out := words{wordCanary: k.Deployment, wordStable: k.Deployment, wordService: k.Service, wordNamespace: k.Namespace}
	if k.Canary() && !w.Promotion && k.Deployment != "" {
		out[wordCanary] = k.Deployment + rollout.CanarySuffix
		if k.Fresh {
			out[wordFresh] = k.Deployment + rollout.BaselineSuffix
		}
	}
	if c := w.Target.Cluster; out[wordNamespace] == "" && c != nil {
		out[wordNamespace] = c.Namespace
	}
	return out
}

// project returns P of "projects/P/locations/L".
func project(location string) string {
	if parts := strings.Split(location, "/"); len(parts) > 1 && parts[0] == "projects" {
		return parts[1]
	}
	return ""
}

// with returns ws with an interval.
func (ws words) with(interval time.Duration) words {
	out := maps.Clone(ws)
	out[wordInterval] = promDuration(interval)
	return out
}

// ofStable returns ws as the query of the stable revision reads them: it, or its fresh pods, is the
// canary.
func (ws words) ofStable(fresh bool) words {
	out := maps.Clone(ws)
	if fresh {
		out[wordStable] = out[wordFresh]
	}
	out[wordCanary] = out[wordStable]
	return out
}

// promDuration is d as PromQL writes it.
func promDuration(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

// fill returns query with ws in the places of {{.Word}}, of {{regex .Word}} with what matches
// just that, and of {{snake .Word}} with _ for all but letters and digits. A value with a
// character that could end a string, such as a quote, is refused and not quoted: no name of a
// platform's has one. Errors: Invalid.
func (ws words) fill(query string) (string, error) { return activities.Fill(query, ws.value) }

// value returns what stands for a word. Its error follows the text that names it.
func (ws words) value(function, word string) (string, error) {
	value, known := ws[word]
	known = known || slices.Contains(allWords(), word)
	switch {
	case !known:
		return "", fmt.Errorf(": there is no word %s: there are %s", word, strings.Join(allWords(), ", "))
	case function != "" && function != "regex" && function != "snake":
		return "", fmt.Errorf(": there is no function %s: there are regex and snake", function)
	case value == "":
		return "", errors.New(" has no value for this release")
	case !regexp.MustCompile(`^[A-Za-z0-9._:/-]+$`).MatchString(value):
		return "", fmt.Errorf(" is %q, which a query cannot hold: letters, digits and ._:/- are safe", value)
	case function == "regex":
		return strings.ReplaceAll(value, ".", "[.]"), nil // no backslash: whatever quotes the string
	case function == "snake":
		return regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(value, "_"), nil // as Skipper writes names
	}
	return value, nil
}

func allWords() []string {
	return []string{wordCanary, wordStable, wordService, wordNamespace, wordInterval}
}
