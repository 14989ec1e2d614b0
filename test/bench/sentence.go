package main

import (
	"bytes"
	"sync"
)

// sentence is an io.Writer that keeps what is written and knows when it contains
// certain words.
type sentence struct {
	heard chan struct{} // closed then

	words string
	mu    sync.Mutex
	buf   bytes.Buffer
	once  sync.Once
}

func newSentence(words string) *sentence {
	return &sentence{heard: make(chan struct{}), words: words}
}

func (s *sentence) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.buf.Write(b)
	if bytes.Contains(s.buf.Bytes(), []byte(s.words)) {
		s.once.Do(func() { close(s.heard) })
	}
	return n, err
}

func (s *sentence) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}
