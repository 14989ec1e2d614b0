package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// pages makes every generated file from the sources of package pipeline in
// folder source, by its path below the docs folder.
func pages(source string) (map[string][]byte, error) {
	c, err := readComments(source)
	if err != nil {
		return nil, err
	}
	schema, err := c.schema()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		filepath.Join("schema", "serin.schema.json"):   schema,
		filepath.Join("reference", "configuration.md"): c.reference(),
	}, nil
}

func write(source, docs string) error {
	all, err := pages(source)
	if err != nil {
		return err
	}
	for name, content := range all {
		path := filepath.Join(docs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the folder of %s: %w", path, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}
