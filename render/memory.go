package render

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

var (
	_ fs.ReadFileFS = memory{}
	_ fs.ReadDirFS  = memory{}
	_ fs.StatFS     = memory{}
)

// memory is a read-only file system of files without owner, time or mode.
type memory struct {
	files   map[string][]byte
	folders map[string][]fs.DirEntry // sorted by name
}

// newMemory takes over files, whose names are valid slash paths.
func newMemory(files map[string][]byte) (memory, error) {
	m := memory{files: files, folders: map[string][]fs.DirEntry{".": nil}}
	linked := map[string]bool{}
	for name, content := range files {
		m.folders[path.Dir(name)] = append(m.folders[path.Dir(name)], node{name: path.Base(name), size: len(content)})
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, taken := files[dir]; taken {
				return memory{}, fmt.Errorf("%q is both a file and a folder", dir)
			}
			if linked[dir] {
				break
			}
			linked[dir] = true
			up := path.Dir(dir)
			m.folders[up] = append(m.folders[up], node{name: path.Base(dir), dir: true})
		}
	}
	for _, entries := range m.folders {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return m, nil
}

// Open implements fs.FS.
func (m memory) Open(name string) (fs.File, error) {
	info, err := m.stat("open", name)
	if err != nil {
		return nil, err
	}
	if info.dir {
		return &openFolder{node: info, entries: m.folders[name]}, nil
	}
	return &openFile{node: info, Reader: *bytes.NewReader(m.files[name])}, nil
}

// ReadFile implements fs.ReadFileFS.
func (m memory) ReadFile(name string) ([]byte, error) {
	info, err := m.stat("readfile", name)
	if err == nil && info.dir {
		err = &fs.PathError{Op: "readfile", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(m.files[name]), nil
}

// ReadDir implements fs.ReadDirFS.
func (m memory) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := m.stat("readdir", name)
	if err == nil && !info.dir {
		err = &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(m.folders[name]), nil
}

// Stat implements fs.StatFS.
func (m memory) Stat(name string) (fs.FileInfo, error) {
	info, err := m.stat("stat", name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (m memory) stat(op, name string) (node, error) {
	if !fs.ValidPath(name) {
		return node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if content, ok := m.files[name]; ok {
		return node{name: path.Base(name), size: len(content)}, nil
	}
	if _, ok := m.folders[name]; ok {
		return node{name: path.Base(name), dir: true}, nil
	}
	return node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// node describes a file or folder of memory, as FileInfo and as DirEntry.
type node struct {
	name string
	size int
	dir  bool
}

// Name, Size, Mode, ModTime, IsDir and Sys implement fs.FileInfo.
func (n node) Name() string       { return n.name }
func (n node) Size() int64        { return int64(n.size) }
func (n node) ModTime() time.Time { return time.Unix(0, 0).UTC() }
func (n node) IsDir() bool        { return n.dir }
func (n node) Sys() any           { return nil }
func (n node) Mode() fs.FileMode {
	if n.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// Type and Info complete fs.DirEntry.
func (n node) Type() fs.FileMode          { return n.Mode().Type() }
func (n node) Info() (fs.FileInfo, error) { return n, nil }

type openFile struct {
	node
	bytes.Reader
}

// Size is that of the node: both embedded types have one.
func (f *openFile) Size() int64                { return f.node.Size() }
func (f *openFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFile) Close() error               { return nil }

type openFolder struct {
	node
	entries []fs.DirEntry
	next    int
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := f.entries[f.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 && n < len(rest) {
		rest = rest[:n]
	}
	f.next += len(rest)
	return slices.Clone(rest), nil
}
