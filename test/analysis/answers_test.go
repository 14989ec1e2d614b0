package analysis_test

import (
	"net/http"
	"sync"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

// answers knows when each service gave its first bad answer.
type answers struct {
	mu  sync.Mutex
	bad map[string]time.Time // by short name
}

func newAnswers() *answers { return &answers{bad: map[string]time.Time{}} }

func (a *answers) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&watched{ResponseWriter: w, bad: func() {
			service, _ := cloudruntest.Revision(r.Context())
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.bad[service].IsZero() {
				a.bad[service] = time.Now()
			}
		}}, r)
	})
}

func (a *answers) firstBad(service string) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bad[service]
}

// watched tells of an answer that is an error.
type watched struct {
	http.ResponseWriter

	bad func()
}

func (w *watched) WriteHeader(code int) {
	if code >= http.StatusInternalServerError {
		w.bad()
	}
	w.ResponseWriter.WriteHeader(code)
}
