package workflows_test

import (
	"strings"
	"testing"
	"time"
)

// TestARestoreDoesNotWaitForNotices: what is told while requests still go to a bad release may hold up the
// next command, which is the restore.
func TestARestoreDoesNotWaitForNotices(t *testing.T) {
	t.Parallel()
	c := newCrier(t)
	c.after()
	c.at(time.Minute, func() { c.platform.Fault("Deploy", denied(), 1) })
	c.advance(time.Hour, "canary-50")
	c.cancels(2 * time.Hour)
	var served []string // when the notice with that index was told
	c.deaf = func(int) bool {
		for len(served) <= len(c.notices) {
			served = append(served, serves(c.stage))
		}
		return false
	}
	c.run(t)
	told := false
	for i, n := range c.notices {
		if !strings.HasPrefix(n.Text, "canary-50 failed: ") {
			continue
		}
		told = true
		for i >= len(served) || served[i] == "" {
			i-- // it came in one message with others
		}
		if served[i] != "shop-v1 100%" {
			t.Errorf("it is told while %s serves", served[i])
		}
	}
	if !told {
		t.Errorf("the failure is not told: %q", c.told(t))
	}
}
