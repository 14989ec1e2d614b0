package render

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// file is one file of a source.
type file struct {
	name    string // slash path inside the source
	content []byte
}

// collector gathers the files of a source with its links resolved.
type collector struct {
	fsys     fs.FS
	files    []file
	left     int64
	problems Problems
}

var _ error = full("")

// full ends the walk: a limit of the source is passed.
type full string

// Error returns the text for the user.
func (f full) Error() string { return string(f) }

// collect returns every regular file of fsys, sorted by name.
func collect(fsys fs.FS) ([]file, error) {
	c := &collector{fsys: fsys, left: MaxBytes}
	err := c.folder(".", ".", nil)
	var limit full
	switch {
	case errors.As(err, &limit):
		c.problems = append(c.problems, Problem{Text: limit.Error()})
	case err != nil:
		return nil, fmt.Errorf("read source: %w", err)
	}
	if err := c.problems.failure("read source"); err != nil {
		return nil, err
	}
	slices.SortFunc(c.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return c.files, nil
}

// folder gathers the folder real under the name it has in the source. They
// differ below a link. open holds the real folders around it, against loops.
func (c *collector) folder(name, real string, open []string) error {
	if slices.Contains(open, real) {
		c.bad(name, "is a link to a folder that holds it")
		return nil
	}
	open = append(open, real)
	entries, err := fs.ReadDir(c.fsys, real)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		if err := c.entry(path.Join(name, e.Name()), path.Join(real, e.Name()), open); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) entry(name, real string, open []string) error {
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
		c.bad(name, "is a name that an archive cannot carry everywhere: use UTF-8 without backslashes")
		return nil
	}
	target, err := c.follow(real)
	if err != nil {
		c.bad(name, err.Error())
		return nil
	}
	info, err := fs.Lstat(c.fsys, target)
	switch {
	case errors.Is(err, fs.ErrNotExist) && target != real:
		c.bad(name, fmt.Sprintf("is a link to %s, which does not exist", target))
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return c.folder(name, target, open)
	case !info.Mode().IsRegular():
		c.bad(name, "is neither a file nor a folder")
		return nil
	}
	return c.read(name, target)
}

func (c *collector) read(name, real string) (err error) {
	if len(c.files) == MaxFiles {
		return full(fmt.Sprintf("the source has more than %d files, one of them %s: keep only what is deployed in it", MaxFiles, name))
	}
	f, err := c.fsys.Open(real)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err := io.ReadAll(io.LimitReader(f, c.left+1))
	if err != nil {
		return err
	}
	if c.left -= int64(len(content)); c.left < 0 {
		return full(fmt.Sprintf("the source holds more than %d bytes, passed at %s: keep only what is deployed in it", MaxBytes, name))
	}
	c.files = append(c.files, file{name: name, content: content})
	return nil
}

func (c *collector) bad(name, text string) {
	c.problems = append(c.problems, Problem{File: name, Text: text})
}

// follow returns the path that p leads to when every link on the way is
// resolved by its text, so that a path outside is noticed before it is opened.
func (c *collector) follow(p string) (string, error) {
	const maxLinks = 40
	done, rest := ".", strings.Split(p, "/")
	for links := 0; len(rest) > 0; {
		next := path.Join(done, rest[0])
		rest = rest[1:]
		if next == ".." || strings.HasPrefix(next, "../") {
			return "", errors.New("is a link that leaves the source")
		}
		info, err := fs.Lstat(c.fsys, next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next // what is missing is reported by who opens it
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("is a chain of more than %d links", maxLinks)
		}
		to, err := fs.ReadLink(c.fsys, next)
		if err != nil {
			return "", fmt.Errorf("is a link that cannot be read: %w", err)
		}
		if path.IsAbs(to) || strings.Contains(to, "\\") {
			return "", fmt.Errorf("is a link to %s, which leaves the source: link to a relative path inside it", to)
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return done, nil
}
