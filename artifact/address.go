package artifact

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"gocloud.dev/blob/fileblob"

	"github.com/serin-dev/serin/rollout"
)

// root is where a store is, for those who read and write it without this package.
type root struct {
	scheme string // "gs"; "" is not known
	begin  string // of every address, before the key: "gs://bucket/prefix/"
}

// Address is where containers find what is stored under name, which is a digest or a name as PutNamed
// takes them, or a folder of such names: "gs://bucket/prefix/sha256/ab/abcd...". It is that of the
// bucket alone: no parameter of the address that the store was opened with is in it, as they may
// carry credentials. What follows file:// is the path as it is, without escapes.
//
// Errors: Invalid if name is neither; Unsupported for a store that containers cannot reach.
func (s *Store) Address(name string) (string, error) {
	const op = "artifact: address"
	if _, err := s.StorageType(); err != nil {
		return "", err
	}
	if checkDigest(name) == nil {
		return s.root.begin + blobKey(name), nil
	}
	if err := checkName(name); err != nil {
		return "", &rollout.Error{Op: op, On: fmt.Sprintf("%q", name), Kind: rollout.Invalid, Err: err}
	}
	return s.root.begin + name, nil
}

// StorageType is how containers reach the store: "GCS", "S3" or "FILE".
//
// Errors: Unsupported for a store that they cannot reach, such as one in memory.
func (s *Store) StorageType() (string, error) {
	switch s.root.scheme {
	case "gs":
		return "GCS", nil
	case "s3":
		return "S3", nil
	case fileblob.Scheme:
		return "FILE", nil
	}
	where := "its address is not known"
	if s.root.scheme != "" {
		where = s.root.scheme + ":// is no address that they could use"
	}
	return "", &rollout.Error{
		Op: "artifact: address", On: "for containers", Kind: rollout.Unsupported, Err: errors.New(where),
		Fix: "set SERIN_ARTIFACTS to a gs:// or s3:// bucket, or to a file:// folder that they share",
	}
}

// ofBucket is the root of the bucket at u. Drivers read the host alone: a path after it says nothing.
func ofBucket(u *url.URL) root {
	return root{scheme: u.Scheme, begin: u.Scheme + "://" + u.Host + "/" + u.Query().Get("prefix")}
}

// ofDir is the root of an absolute directory.
func ofDir(dir string) root {
	return root{scheme: fileblob.Scheme, begin: "file://" + strings.TrimSuffix(filepath.ToSlash(dir), "/") + "/"}
}
