package pipeline

import (
	"fmt"
	"sync"

	"github.com/serin-dev/serin/rollout"
)

// maxReads bounds how many documents are read at the same time.
const maxReads = 16

// LoadEntries loads what is configured: the documents of entries, each got by its digest, such
// as from the artifact store. Several are got at the same time.
//
// Errors: those of get; Invalid if a document does not load, although it was checked when it
// was applied: by another build.
func LoadEntries(entries []rollout.Entry, get func(digest string) ([]byte, error)) (*Config, error) {
	files, errs := make([]File, len(entries)), make([]error, len(entries))
	var wait sync.WaitGroup
	slots := make(chan struct{}, maxReads)
	for i, e := range entries {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			files[i].Name = e.Kind + "/" + e.Name
			files[i].Content, errs[i] = get(e.Digest)
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", entries[i].Kind, entries[i].Name, err)
		}
	}
	config, err := Load(files...)
	if err != nil {
		return nil, &rollout.Error{Op: "load what is configured", Kind: rollout.Invalid, Err: err}
	}
	return config, nil
}
