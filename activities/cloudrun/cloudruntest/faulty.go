package cloudruntest

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The variables of a container that Faulty obeys.
const (
	EnvErrorPercent = "ERROR_PERCENT" // of its requests that it answers with 500, such as "5" or "0.5"
	EnvDelay        = "DELAY"         // that it takes for each answer, such as "300ms"
)

// Faulty answers as next does, unless the variables of the revision's container say that it is a
// bad version. The errors of a revision are spread evenly: 5 percent is each twentieth request. A
// variable that is none is as if it were not there.
func (s *Server) Faulty(next http.Handler) http.Handler {
	var mu sync.Mutex
	owed := map[identityKey]float64{} // errors, below one
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		env := Environment(r.Context())
		if d, err := time.ParseDuration(env[EnvDelay]); err == nil && d > 0 && !s.pause(r.Context(), d) {
			return // the client is gone
		}
		percent, err := strconv.ParseFloat(env[EnvErrorPercent], 64)
		if err != nil || percent <= 0 {
			next.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		key := keyOf(r)
		owed[key] += min(percent, 100) / 100
		due := owed[key] >= 1-1e-9
		if due {
			owed[key]--
		}
		mu.Unlock()
		if due {
			http.Error(w, "this version is bad on purpose", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type identityKey struct{ service, revision string }

func keyOf(r *http.Request) identityKey {
	service, revision := Revision(r.Context())
	return identityKey{service, revision}
}
