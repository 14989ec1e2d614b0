package kubernetes

import (
	"regexp"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestCookieExpression(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		cookies []rollout.ValueMatch
		yes, no []string
	}{
		{
			name:    "a value",
			cookies: []rollout.ValueMatch{{Name: "canary", Value: "a.b"}},
			yes:     []string{"canary=a.b", "x=1; canary=a.b", "canary=a.b; x=1", "x=1;canary=a.b;y=2"},
			no:      []string{"", "canary=aXb", "canary=a.bc", "xcanary=a.b", "canary=", "x=canary=a.b", "Canary=a.b"},
		}, {
			name:    "an expression is for the whole value",
			cookies: []rollout.ValueMatch{{Name: "group", Regex: "^(staff|beta-[0-9]+)$"}},
			yes:     []string{"group=staff", "group=beta-12; x=1", "x=1; group=beta-1"},
			no:      []string{"group=staffing", "group=beta-", "mygroup=staff", "group=notstaff"},
		}, {
			name:    "alternatives stay together",
			cookies: []rollout.ValueMatch{{Name: "group", Regex: "a|b"}},
			yes:     []string{"group=a", "group=b; x=b"},
			no:      []string{"x=b", "group=ab", "group=c; x=a"},
		}, {
			name:    "a dollar that is meant stays",
			cookies: []rollout.ValueMatch{{Name: "price", Regex: `[0-9]\$`}},
			yes:     []string{"price=3$"},
			no:      []string{"price=3"},
		}, {
			name:    "several in any order",
			cookies: []rollout.ValueMatch{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Regex: "[0-9]"}},
			yes:     []string{"a=1; b=2; c=3", "c=3; b=2; a=1", "x=0; b=2; y=0; c=9; z=0; a=1; w=0", "b=2;a=1;c=0"},
			no:      []string{"a=1; b=2", "a=1; c=3", "a=1; b=2; xc=3", "a=12; b=2; c=3", "a=1b=2; c=3"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := cookieExpression(c.cookies)
			if err != nil {
				t.Fatal(err)
			}
			e := regexp.MustCompile(text)
			for _, header := range c.yes {
				if !e.MatchString(header) {
					t.Errorf("%s does not match %q", text, header)
				}
			}
			for _, header := range c.no {
				if e.MatchString(header) {
					t.Errorf("%s matches %q", text, header)
				}
			}
		})
	}
}

func TestConditionsRefuse(t *testing.T) {
	t.Parallel()
	value := func(name string) rollout.ValueMatch { return rollout.ValueMatch{Name: name, Value: "1"} }
	for want, m := range map[string]rollout.Match{
		"match 1: header X: exactly one of value and regex is needed": {Headers: []rollout.ValueMatch{{Name: "X"}}},
		"match 1: cookie x: exactly one of value and regex is needed": {Cookies: []rollout.ValueMatch{{Name: "x", Value: "1", Regex: "1"}}},
		"match 1: cookie a is named twice":                            {Cookies: []rollout.ValueMatch{value("a"), value("a")}},
		"match 1: 4 cookies in one match; at most 3 are possible":     {Cookies: []rollout.ValueMatch{value("a"), value("b"), value("c"), value("d")}},
		"match 1: header Cookie is named twice; a gateway would look at the first only": {
			Headers: []rollout.ValueMatch{value("cookie")}, Cookies: []rollout.ValueMatch{value("a")},
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if _, err := conditions([]rollout.Match{m}); err == nil || err.Error() != want {
				t.Errorf("error is %v, want %s", err, want)
			}
		})
	}
}
