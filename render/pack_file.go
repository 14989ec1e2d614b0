package render

// PackFile is Pack of a source that has one file.
func PackFile(name string, content []byte) ([]byte, error) {
	m, err := newMemory(map[string][]byte{name: content})
	if err != nil {
		return nil, err
	}
	return Pack(m)
}
