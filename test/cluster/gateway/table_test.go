package gateway

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"
)

func rule(name string, m Match) Rule { return Rule{Name: name, Match: m} }

func TestFindTakesTheMostSpecificRule(t *testing.T) {
	t.Parallel()
	header := []Value{{Name: "X-Canary", Value: "always"}}
	older := rule("HTTPRoute z/older 0", Match{Path: Path{Value: "/same"}})
	younger := rule("HTTPRoute a/younger 0", Match{Path: Path{Value: "/same"}})
	younger.Created = older.Created.Add(time.Hour)
	table := sorted(Table{
		younger, older,
		rule("HTTPRoute a/any 9", Match{Path: Path{Value: "/"}}),
		rule("HTTPRoute a/any 10", Match{Path: Path{Value: "/"}}),
		rule("HTTPRoute a/api 0", Match{Path: Path{Value: "/api"}}),
		rule("HTTPRoute a/api 1", Match{Path: Path{Value: "/api"}, Headers: header}),
		rule("HTTPRoute a/api 2", Match{Path: Path{Value: "/api"}, Headers: header, Query: []Value{{Name: "v", Value: "2"}}}),
		rule("HTTPRoute a/api 3", Match{Path: Path{Value: "/api"}, Method: "DELETE"}),
		rule("HTTPRoute a/exact 0", Match{Path: Path{Kind: Exact, Value: "/api"}}),
		rule("HTTPRoute a/regex 0", Match{Path: Path{Kind: Regex, Value: "/api/v[0-9]", Pattern: regexp.MustCompile("^(?:/api/v[0-9])$")}}),
		rule("HTTPRoute a/host 0", Match{Host: "shop.example", Path: Path{Value: "/"}}),
		rule("HTTPRoute a/wild 0", Match{Host: "*.example", Path: Path{Value: "/"}}),
		rule("HTTPRoute a/wilder 0", Match{Host: "*.eu.example", Path: Path{Value: "/"}}),
	})
	tests := []struct{ method, url, header, want string }{
		{"GET", "http://any/", "", "HTTPRoute a/any 9"},
		{"GET", "http://any/apis", "", "HTTPRoute a/any 9"},
		{"GET", "http://any/api", "", "HTTPRoute a/exact 0"},
		{"GET", "http://any/api/x", "", "HTTPRoute a/api 0"},
		{"GET", "http://any/api/x", "never", "HTTPRoute a/api 0"},
		{"GET", "http://any/api/x", "always", "HTTPRoute a/api 1"},
		{"GET", "http://any/api/x?v=2", "always", "HTTPRoute a/api 2"},
		{"DELETE", "http://any/api/x?v=2", "always", "HTTPRoute a/api 3"},
		{"GET", "http://any/api/v1", "always", "HTTPRoute a/regex 0"},
		{"GET", "http://any/same/x", "", "HTTPRoute z/older 0"},
		{"GET", "http://Shop.Example:8080/api", "", "HTTPRoute a/host 0"},
		{"GET", "http://www.example/api", "", "HTTPRoute a/wild 0"},
		{"GET", "http://www.eu.example/api", "", "HTTPRoute a/wilder 0"},
		{"GET", "http://example/", "", "HTTPRoute a/any 9"},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
		if tt.header != "" {
			r.Header.Set("X-Canary", tt.header)
		}
		if got := table.Find(r); got == nil || got.Name != tt.want {
			t.Errorf("%s %s, header %q: got %v, want %s", tt.method, tt.url, tt.header, got, tt.want)
		}
	}
	if got := (Table{}).Find(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)); got != nil {
		t.Errorf("an empty table serves by %s", got.Name)
	}
}

func TestWheelIsSmooth(t *testing.T) {
	t.Parallel()
	tests := []struct {
		weights []int64
		want    []int // the first turns
	}{
		{[]int64{3, 1}, []int{0, 0, 1, 0, 0, 0, 1, 0}},
		{[]int64{1, 1, 1}, []int{0, 1, 2, 0, 1, 2}},
		{[]int64{0, 5}, []int{1, 1, 1}},
		{[]int64{0, 0}, []int{-1, -1}},
		{nil, []int{-1}},
	}
	for _, tt := range tests {
		var backends []Backend
		for _, weight := range tt.weights {
			backends = append(backends, Backend{Weight: weight})
		}
		w := newWheel(backends)
		var got []int
		for range tt.want {
			got = append(got, w.next())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("weights %v: got %v, want %v", tt.weights, got, tt.want)
		}
	}
}

func TestCanaryDecides(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		canary         *Canary
		header, cookie string
		want, decided  bool
	}{
		"none":                          {nil, "always", "always", false, false},
		"header always":                 {&Canary{Header: "X-Canary", Cookie: "canary"}, "always", "never", true, true},
		"header never":                  {&Canary{Header: "X-Canary", Cookie: "canary"}, "never", "always", false, true},
		"header of another value":       {&Canary{Header: "X-Canary", Cookie: "canary"}, "maybe", "always", true, true},
		"header is the value":           {&Canary{Header: "X-Canary", Value: "beta", Cookie: "canary"}, "beta", "never", true, true},
		"header is not the value":       {&Canary{Header: "X-Canary", Value: "beta", Cookie: "canary"}, "always", "never", false, true},
		"header not the value, weights": {&Canary{Header: "X-Canary", Value: "beta"}, "always", "", false, false},
		"header has the pattern":        {&Canary{Header: "X-Canary", Pattern: regexp.MustCompile("^be")}, "beta", "", true, true},
		"header has another pattern":    {&Canary{Header: "X-Canary", Pattern: regexp.MustCompile("^al")}, "beta", "", false, false},
		"cookie always":                 {&Canary{Cookie: "canary"}, "", "always", true, true},
		"cookie never":                  {&Canary{Cookie: "canary"}, "", "never", false, true},
		"cookie of another value":       {&Canary{Cookie: "canary"}, "", "1", false, false},
		"no cookie":                     {&Canary{Cookie: "canary"}, "", "", false, false},
	}
	for name, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		if tt.header != "" {
			r.Header.Set("X-Canary", tt.header)
		}
		if tt.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "canary", Value: tt.cookie})
		}
		if got, decided := tt.canary.decides(r); got != tt.want || decided != tt.decided {
			t.Errorf("%s: canary %t, decided %t, want %t, %t", name, got, decided, tt.want, tt.decided)
		}
	}
}
