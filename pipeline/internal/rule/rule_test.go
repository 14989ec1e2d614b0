package rule_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/pipeline/internal/rule"
)

type shared struct {
	Old string `yaml:"old" rule:"alias=older|oldest"`
}

type example struct {
	shared `yaml:",inline"`

	Name   string        `yaml:"name,omitempty" rule:"required,id,or=*,length=63"`
	Count  int           `yaml:"count" rule:"extension,range=1..10,int64,default=3"`
	List   []string      `yaml:"list" rule:"items=1..,unique,enum=A|B,format=a/*/b"`
	Wait   time.Duration `yaml:"wait" rule:"duration=10m..24h"`
	Hidden string        `yaml:"-"`
	NoKey  string
}

func TestFieldsListsTheKeysInOrder(t *testing.T) {
	t.Parallel()
	var names []string
	v := reflect.ValueOf(example{shared: shared{Old: "o"}})
	for _, f := range rule.Fields(v.Type()) {
		names = append(names, f.Name)
		if f.Name == "old" && (v.FieldByIndex(f.Index).String() != "o" || f.Owner != reflect.TypeFor[shared]()) {
			t.Errorf("old is found at %v of %s", f.Index, f.Owner)
		}
	}
	if got, want := strings.Join(names, " "), "old name count list wait"; got != want {
		t.Errorf("keys are %s, want %s", got, want)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	show := func(n int64) string { return time.Duration(n).String() }
	for _, f := range rule.Fields(reflect.TypeFor[example]()) {
		if f.Name != "wait" {
			continue
		}
		if got, want := f.Rule.Range.Text(show), "from 10m0s to 24h0m0s"; got != want {
			t.Errorf("range is %q, want %q", got, want)
		}
		for d, want := range map[time.Duration]bool{
			10*time.Minute - 1: false, 10 * time.Minute: true, 24 * time.Hour: true, 24*time.Hour + 1: false,
		} {
			if got := f.Rule.Range.Has(int64(d)); got != want {
				t.Errorf("%s is within: %t, want %t", d, got, want)
			}
		}
	}
}
