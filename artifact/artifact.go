// Package artifact keeps what is too large or too private for a workflow history:
// packed sources, rendered manifests, configuration documents, baselines, job logs.
//
// Content is stored under its SHA-256 digest, so the same content has one name
// and every reader can tell whether it reads what was written. A few documents
// also have a name that is given once and never again (PutNamed).
//
// A store is a bucket of gocloud.dev/blob. This package links the driver for
// file:// only; a main package links the others by importing them, such as
// gocloud.dev/blob/gcsblob.
package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/serin-dev/serin/rollout"
)

// DefaultMaxBytes is the largest content a Store takes or gives unless
// WithMaxBytes says otherwise: 64 MiB.
const DefaultMaxBytes int64 = 64 << 20

// prefix begins every digest. It names the algorithm, as container images do.
const prefix = "sha256:"

// Store holds artifacts in one bucket. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	max    int64
	create creator
	open   opener
	root   root
}

// creator writes content under a key that must not exist yet. The error has
// gcerrors code FailedPrecondition, or is fs.ErrExist, when it does.
type creator func(ctx context.Context, key string, content []byte) error

// opener returns the content under a key. The error has gcerrors code NotFound, or is fs.ErrNotExist,
// where there is none.
type opener func(ctx context.Context, key string) (reader, error)

// reader reads content, of which it knows the size in bytes.
type reader interface {
	io.ReadCloser
	Size() int64
}

// Option changes a Store while it is opened.
type Option func(*Store)

// WithMaxBytes sets the largest content that Put and Get accept, in bytes.
// Zero or less means DefaultMaxBytes.
func WithMaxBytes(n int64) Option {
	return func(s *Store) {
		if n > 0 {
			s.max = n
		}
	}
}

// New returns a Store over a bucket that the caller has opened. The bucket must
// be able to refuse to overwrite (blob.WriterOptions.IfNotExist) atomically:
// Google Cloud Storage, S3 and memblob can, fileblob cannot, so use Open for
// directories. Close closes the bucket.
func New(bucket *blob.Bucket, opts ...Option) *Store {
	s := &Store{bucket: bucket, max: DefaultMaxBytes}
	s.create = func(ctx context.Context, key string, content []byte) error {
		return bucket.WriteAll(ctx, key, content, &blob.WriterOptions{ContentType: contentType, IfNotExist: true})
	}
	s.open = func(ctx context.Context, key string) (reader, error) { return bucket.NewReader(ctx, key, nil) }
	for _, o := range opts {
		o(s)
	}
	return s
}

// contentType is given with every write, so that no driver guesses one.
const contentType = "application/octet-stream"

// Close releases the bucket. The Store must not be used afterwards.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return &rollout.Error{Op: "artifact: close", Kind: rollout.Transient, Err: err}
	}
	return nil
}

// Digest returns the name that content has in every store: "sha256:" and 64
// lowercase hexadecimal digits.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return prefix + hex.EncodeToString(sum[:])
}

// Put stores content and returns its digest. Putting the same content again
// changes nothing, and heals a copy that was damaged.
//
// Errors: Invalid if content is larger than the store takes; Denied; Transient.
func (s *Store) Put(ctx context.Context, content []byte) (string, error) {
	const op = "artifact: put"
	digest := Digest(content)
	if int64(len(content)) > s.max {
		return "", s.tooLarge(op, digest, int64(len(content)))
	}
	key := blobKey(digest)
	// Reading first spares the bucket rewrites of one object, which object
	// stores limit to about one a second.
	if old, err := s.read(ctx, op, key); err == nil && bytes.Equal(old, content) {
		return digest, nil
	}
	if err := s.bucket.WriteAll(ctx, key, content, &blob.WriterOptions{ContentType: contentType}); err != nil {
		return "", fail(op, digest, err)
	}
	return digest, nil
}

// Get returns the content stored under digest, after checking that it has that digest.
//
// Errors: Invalid if digest is not one, or the content is larger than the store
// gives; NotFound; Corrupt if the stored content has another digest; Denied; Transient.
func (s *Store) Get(ctx context.Context, digest string) ([]byte, error) {
	const op = "artifact: get"
	if err := checkDigest(digest); err != nil {
		return nil, &rollout.Error{Op: op, On: fmt.Sprintf("%q", digest), Kind: rollout.Invalid, Err: err}
	}
	content, err := s.read(ctx, op, blobKey(digest))
	if err != nil {
		return nil, err
	}
	if got := Digest(content); got != digest {
		return nil, &rollout.Error{
			Op: op, On: blobKey(digest), Kind: rollout.Corrupt,
			Err: fmt.Errorf("stored content has digest %s", got),
			Fix: "put the same content again, or restore the object from a copy",
		}
	}
	return content, nil
}

// PutNamed gives content a name for ever. The same content under the same name
// is the same request and no error, however often and from wherever it comes;
// of several contents at once exactly one wins.
//
// A name is a relative slash path of letters, digits, '.', '_' and '-', such as
// "releases/checkout/v41.json".
//
// Errors: Conflict if the name has other content; Invalid if the name or the
// size is not allowed; Denied; Transient.
func (s *Store) PutNamed(ctx context.Context, name string, content []byte) error {
	const op = "artifact: put"
	if err := checkName(name); err != nil {
		return &rollout.Error{Op: op, On: fmt.Sprintf("%q", name), Kind: rollout.Invalid, Err: err}
	}
	if int64(len(content)) > s.max {
		return s.tooLarge(op, name, int64(len(content)))
	}
	err := s.create(ctx, name, content)
	if err == nil {
		return nil
	}
	if gcerrors.Code(err) != gcerrors.FailedPrecondition && !errors.Is(err, fs.ErrExist) {
		return fail(op, name, err)
	}
	old, err := s.read(ctx, op, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, content) {
		return &rollout.Error{
			Op: op, On: name, Kind: rollout.Conflict,
			Err: fmt.Errorf("the name holds %s, not %s", Digest(old), Digest(content)),
			Fix: "choose another name: a name is never given twice",
		}
	}
	return nil
}

// GetNamed returns what PutNamed stored under name.
//
// Errors: NotFound; Invalid as for PutNamed; Denied; Transient.
func (s *Store) GetNamed(ctx context.Context, name string) ([]byte, error) {
	const op = "artifact: get"
	if err := checkName(name); err != nil {
		return nil, &rollout.Error{Op: op, On: fmt.Sprintf("%q", name), Kind: rollout.Invalid, Err: err}
	}
	return s.read(ctx, op, name)
}

// read returns the content of key and never more than the store's maximum.
func (s *Store) read(ctx context.Context, op, key string) (_ []byte, err error) {
	r, err := s.open(ctx, key)
	if err != nil {
		return nil, fail(op, key, err)
	}
	defer func() {
		if cerr := r.Close(); cerr != nil && err == nil {
			err = fail(op, key, cerr)
		}
	}()
	if r.Size() > s.max {
		return nil, s.tooLarge(op, key, r.Size())
	}
	content, err := io.ReadAll(io.LimitReader(r, s.max+1))
	if err != nil {
		return nil, fail(op, key, err)
	}
	if int64(len(content)) > s.max {
		return nil, s.tooLarge(op, key, int64(len(content)))
	}
	return content, nil
}

func (s *Store) tooLarge(op, on string, size int64) error {
	return &rollout.Error{
		Op: op, On: on, Kind: rollout.Invalid,
		Err: fmt.Errorf("%d bytes are more than the %d this store allows", size, s.max),
	}
}

// fail types an error of the bucket. What no driver could name is Transient:
// trying again is bounded by the caller and loses nothing.
func fail(op, on string, err error) error {
	e := &rollout.Error{Op: op, On: on, Kind: rollout.Transient, Err: err}
	switch code := gcerrors.Code(err); {
	case code == gcerrors.NotFound, errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Err = rollout.NotFound, errors.New("it is not in the store")
		e.Fix = "use the same SERIN_ARTIFACTS everywhere, and put it again if it was deleted"
	case code == gcerrors.PermissionDenied, errors.Is(err, fs.ErrPermission):
		e.Kind = rollout.Denied
		e.Fix = "let this identity read and create objects in the artifact store"
	case code == gcerrors.InvalidArgument, errors.Is(err, errNoFile):
		e.Kind = rollout.Invalid
	}
	return e
}

// blobKey spreads digests over 256 folders: a directory with very many entries is slow to list.
func blobKey(digest string) string {
	h := strings.TrimPrefix(digest, prefix)
	return "sha256/" + h[:2] + "/" + h
}

func checkDigest(digest string) error {
	h, ok := strings.CutPrefix(digest, prefix)
	if !ok || len(h) != sha256.Size*2 || strings.Trim(h, "0123456789abcdef") != "" {
		return errors.New("a digest is sha256: and 64 lowercase hexadecimal digits")
	}
	return nil
}

func checkName(name string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
	if !fs.ValidPath(name) || name == "." || strings.Trim(name, allowed) != "" {
		return errors.New("a name is a relative slash path of letters, digits, '.', '_' and '-'")
	}
	if name == "sha256" || strings.HasPrefix(name, "sha256/") || strings.HasSuffix(name, ".attrs") {
		return errors.New("names under sha256/ and names that end in .attrs are reserved")
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return errors.New("no part of a name begins with a dot")
		}
	}
	return nil
}
