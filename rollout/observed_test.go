package rollout_test

import (
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestWithoutAttempt(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"shop-693ae81c85":    "shop-693ae81c85",
		"shop-693ae81c85-2":  "shop-693ae81c85",
		"shop-693ae81c85-12": "shop-693ae81c85",
		"shop-2":             "shop-2",             // no digest before it
		"shop-693ae81c8-2":   "shop-693ae81c8-2",   // nine digits are none either
		"shop-693AE81C85-2":  "shop-693AE81C85-2",  // nor are these
		"shop-693ae81c85-2a": "shop-693ae81c85-2a", // and this is no number
		"":                   "",
	} {
		if got := rollout.WithoutAttempt(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
