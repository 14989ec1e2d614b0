package artifact

import (
	"net/url"
	"testing"

	"gocloud.dev/blob/memblob"
)

// NewAt is a store that believes to be at address: the drivers of buckets are linked by programs only.
func NewAt(t *testing.T, address string) *Store {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := New(memblob.OpenBucket(nil))
	s.root = ofBucket(u)
	return s
}
