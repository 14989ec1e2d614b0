package cloudruntest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// digest derives an id from the seed and what the id is for, so that ids do not
// depend on the order of requests to different services.
func (s *Server) digest(kind, name string, n int) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d|%s|%s|%d", s.opts.Seed, kind, name, n))
}

func base36(sum [sha256.Size]byte, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[int(sum[i])%len(letters)]
	}
	return string(b)
}

func uid(sum [sha256.Size]byte) string {
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// etag is an opaque quoted string that differs with every change of a service.
func (s *Server) etag(svc *service) string {
	return s.etagOf(svc.key(), svc.Changes)
}

func (s *Server) etagOf(name string, changes int) string {
	sum := s.digest("etag", name, changes)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// next counts kind and name up, from 1.
func (s *Server) next(kind, name string) int {
	key := kind + " " + name
	s.seq[key]++
	return s.seq[key]
}

func (s *Server) operationName(service string) string {
	return location(service) + "/operations/" + uid(s.digest("operation", service, s.next("operation", service)))
}

// hostHash makes a service's host name unique across projects and locations. It
// does not depend on the seed: the address of a service is stable.
func hostHash(service string) string {
	return base36(sha256.Sum256([]byte(service)), 10)
}

func seedOf(sum [sha256.Size]byte) (a, b uint64) {
	return binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
}
