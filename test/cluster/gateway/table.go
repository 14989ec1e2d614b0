package gateway

import (
	"cmp"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Table is every rule the gateway serves, the most specific first.
type Table []Rule

// Rule sends the requests of one match to weighted backends. A route's rule with several
// hosts or matches is several Rules with the same Name: they share one weighted choice.
type Rule struct {
	Name     string    // kind, namespace, name and index of the rule, such as "HTTPRoute default/web 0"
	Created  time.Time // when its object was created: of equal matches the oldest object wins
	Match    Match
	Backends []Backend // empty: the requests get 500
	Canary   *Canary   // only of an Ingress: what overrules the weights
}

// Match is what a request must be. A zero field holds for every request.
type Match struct {
	Host    string // "shop.example", "*.example", or "" for any
	Path    Path
	Method  string
	Headers []Value
	Query   []Value
}

// Path is a condition on the request's path.
type Path struct {
	Kind    PathKind
	Value   string         // the exact path, the prefix, or the regular expression's text
	Pattern *regexp.Regexp // only for Regex: must match from the start to the end
}

// PathKind is how a Path is compared. Larger kinds take precedence.
type PathKind int

// The kinds of path conditions. A prefix is one of whole path elements: /a holds for /a/b, not for /ab.
const (
	Prefix PathKind = iota
	Regex
	Exact
)

// Value is a condition on a header or query parameter: equal to Value, or matching Pattern.
type Value struct {
	Name    string
	Value   string
	Pattern *regexp.Regexp // nil: equal to Value
}

// Backend is one weighted destination of a rule.
type Backend struct {
	Service  string // "namespace/name:port", the key of its endpoints
	Weight   int64  // share of the sum of the rule's weights; 0 gets nothing
	Invalid  bool   // the reference does not resolve: its share of the requests gets 500
	Request  []Edit // done to the headers of the request, in this order
	Response []Edit // done to the headers of the response, in this order
}

// Edit changes headers: first Set, then Add, then Remove.
type Edit struct {
	Set    map[string]string
	Add    map[string]string
	Remove []string
}

// order compares two rules by precedence: the most specific host, then kind and length of the path, a
// method, the number of headers, of query parameters, age, and name, as the Gateway API has it.
func order(a, b Rule) int {
	return cmp.Or(
		cmp.Compare(hostRank(b.Match.Host), hostRank(a.Match.Host)),
		cmp.Compare(b.Match.Path.Kind, a.Match.Path.Kind),
		cmp.Compare(len(b.Match.Path.Value), len(a.Match.Path.Value)),
		cmp.Compare(min(len(b.Match.Method), 1), min(len(a.Match.Method), 1)),
		cmp.Compare(len(b.Match.Headers), len(a.Match.Headers)),
		cmp.Compare(len(b.Match.Query), len(a.Match.Query)),
		a.Created.Compare(b.Created),
		cmp.Compare(a.object(), b.object()), // of one object the first rule: the sort is stable
	)
}

// object is the rule's name without its index.
func (r Rule) object() string { return r.Name[:max(0, strings.LastIndexByte(r.Name, ' '))] }

// hostRank is larger for more specific hosts: exact before wildcard before any, then by length.
func hostRank(host string) int {
	const exact = 1 << 16 // longer than any host name
	if host == "" || strings.HasPrefix(host, "*.") {
		return len(host)
	}
	return exact + len(host)
}

// sorted returns the rules by precedence; rules that compare equal keep their order.
func sorted(t Table) Table {
	slices.SortStableFunc(t, order)
	return t
}

// Find returns the rule that serves r, nil if none does.
func (t Table) Find(r *http.Request) *Rule {
	for i := range t {
		if t[i].Match.holds(r) {
			return &t[i]
		}
	}
	return nil
}

func (m Match) holds(r *http.Request) bool {
	if m.Method != "" && m.Method != r.Method || !hostHolds(m.Host, requestHost(r)) || !m.Path.holds(r.URL.Path) {
		return false
	}
	for _, h := range m.Headers {
		if got := r.Header.Values(h.Name); len(got) == 0 || !h.holds(strings.Join(got, ",")) {
			return false
		}
	}
	if len(m.Query) == 0 {
		return true
	}
	query := r.URL.Query()
	for _, q := range m.Query {
		if !query.Has(q.Name) || !q.holds(query.Get(q.Name)) {
			return false
		}
	}
	return true
}

func (p Path) holds(path string) bool {
	switch p.Kind {
	case Exact:
		return path == p.Value
	case Regex:
		return p.Pattern.MatchString(path)
	case Prefix:
		prefix := strings.TrimSuffix(p.Value, "/")
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	}
	return false
}

func (v Value) holds(got string) bool {
	if v.Pattern != nil {
		return v.Pattern.MatchString(got)
	}
	return got == v.Value
}

func requestHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil { // without a port
		host = r.Host
	}
	return strings.ToLower(host)
}

// hostHolds tells whether host is pattern, a subdomain of the wildcard pattern, or pattern is empty.
func hostHolds(pattern, host string) bool {
	if suffix, wildcard := strings.CutPrefix(pattern, "*"); wildcard {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return pattern == "" || pattern == host
}

// whole compiles expr such that it must match the whole of a string.
func whole(expr string) (*regexp.Regexp, error) {
	return regexp.Compile("^(?:" + expr + ")$")
}

func (e Edit) apply(h http.Header) {
	for name, v := range e.Set {
		h.Set(name, v)
	}
	for name, v := range e.Add {
		h.Add(name, v)
	}
	for _, name := range e.Remove {
		h.Del(name)
	}
}
