package kubernetes

import (
	"context"
	"slices"
	"sync"

	"github.com/serin-dev/serin/activities"
)

// maxDocuments bounds how many documents are kept: a rollout needs one manifest for
// each phase, and a baseline.
const maxDocuments = 512

// maxPicks bounds for how many attempts it is remembered what they have deployed.
const maxPicks = 4096

// memory keeps at most max values by key. The oldest goes first.
type memory[V any] struct {
	max   int
	mu    sync.Mutex
	known map[string]V
	order []string
}

func newMemory[V any](limit int) *memory[V] { return &memory[V]{max: limit, known: map[string]V{}} }

func (m *memory[V]) get(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.known[key]
	return v, ok
}

func (m *memory[V]) put(key string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.order, key); i >= 0 {
		m.order = slices.Delete(m.order, i, i+1)
	} else if len(m.order) == m.max {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
	m.known[key] = v
	m.order = append(m.order, key)
}

var _ activities.Artifacts = documents{}

// documents is an artifact store that reads each document once: a wait looks at its
// manifest with every change.
type documents struct {
	activities.Artifacts
	read *memory[[]byte]
}

// Get returns the content of digest, which is shared: nobody changes it.
func (d documents) Get(ctx context.Context, digest string) ([]byte, error) {
	if content, ok := d.read.get(digest); ok {
		return content, nil
	}
	content, err := d.Artifacts.Get(ctx, digest)
	if err == nil {
		d.read.put(digest, content)
	}
	return content, err
}
