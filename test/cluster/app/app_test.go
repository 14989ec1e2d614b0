package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ image, missing string }{
		{image: "serin.test/app:v1"},
		{image: "serin.test/app:v1.2-rc.1"},
		{image: "serin.test/crash:v1"},
		{image: "serin.test/job:0"},
		{image: "serin.test/job:255"},
		{image: "serin.test/missing:v1", missing: `rpc error: code = NotFound desc = pull image "serin.test/missing:v1": serin.test/missing:v1: not found`},
		{image: "serin.test/app", missing: "this cluster has serin.test/app:<version>"},
		{image: "serin.test/job:256", missing: "serin.test/job:<exit code>"},
		{image: "nginx:1.27", missing: "this cluster has serin.test/app:<version>, serin.test/crash:<any> and serin.test/job:<exit code>"},
	} {
		_, err := Find(row.image)
		switch {
		case row.missing == "" && err != nil:
			t.Errorf("%s: got %v, want the image", row.image, err)
		case row.missing != "" && (err == nil || !strings.Contains(err.Error(), row.missing)):
			t.Errorf("%s: got error %v, want one with %q", row.image, err, row.missing)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for _, row := range []struct {
		name string
		args []string
		env  map[string]string
		stop bool
		want int
		says string
	}{
		{name: "a crash", args: []string{"serin.test/crash:v1", "p", "127.0.0.1", "0"}, want: 1, says: "crash: "},
		{name: "a job that fails", args: []string{"serin.test/job:7", "p", "127.0.0.1", "0"}, want: 7, says: "job: exits 7"},
		{name: "a job in time", args: []string{"serin.test/job:0", "p", "127.0.0.1", "0"}, env: map[string]string{"DURATION": "1h"}, says: "job: exits 0 in 1h0m0s"},
		{name: "a job that is stopped", args: []string{"serin.test/job:0", "p", "127.0.0.1", "0"}, env: map[string]string{"DURATION": "2h"}, stop: true, want: 143},
		{name: "a server that is stopped before it listens", args: []string{"serin.test/app:v1", "p", "127.0.0.1", "0"}, env: map[string]string{"START_DELAY": "2h"}, stop: true, want: 143},
		{name: "a server that exits before it listens", args: []string{"serin.test/app:v1", "p", "127.0.0.1", "0"}, env: map[string]string{"START_DELAY": "2h", "EXIT_AFTER": "1s"}, want: 1},
		{name: "a wrong duration", args: []string{"serin.test/job:0", "p", "127.0.0.1", "0"}, env: map[string]string{"DURATION": "1"}, want: 2, says: "DURATION: "},
		{name: "a wrong rate", args: []string{"serin.test/app:v1", "p", "127.0.0.1", "0"}, env: map[string]string{"ERROR_RATE": "101"}, want: 2, says: "ERROR_RATE: want percent from 0 to 100"},
		{name: "no image", args: []string{"serin.test/none:v1", "p", "127.0.0.1", "0"}, want: 2, says: "not found"},
		{name: "no arguments", want: 2, says: "want app <image>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				getenv := none
				if row.env != nil {
					getenv = func(name string) string { return row.env[name] }
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if row.stop {
					time.AfterFunc(time.Hour, stop)
				}
				var out strings.Builder
				if got := run(ctx, &out, getenv, row.args); got != row.want {
					t.Errorf("exit code %d, want %d", got, row.want)
				}
				if !strings.Contains(out.String(), row.says) {
					t.Errorf("printed %q, want %q in it", out.String(), row.says)
				}
			})
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		path, env, body string
		sick            bool
		want            int
	}{
		{path: "/", want: 200, body: "hello from v1\n"},
		{path: "/any/path", want: 200, body: "hello from v1\n"},
		{path: "/healthz", want: 200, body: "ok\n"},
		{path: "/healthz", sick: true, want: 503, body: "sick\n"},
		{path: "/env/COLOR", env: "yellow", want: 200, body: "yellow"},
		{path: "/slow?ms=1", want: 200, body: "hello from v1\n"},
		{path: "/slow", want: 400, body: "ms: "},
	} {
		s := &server{version: "v1", pod: "web-1", sick: row.sick, getenv: func(string) string { return row.env }}
		answer := httptest.NewRecorder()
		s.handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, nil))
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Code != row.want || !strings.HasPrefix(string(body), row.body) {
			t.Errorf("%s: got %d %q, want %d %q", row.path, answer.Code, body, row.want, row.body)
		}
		if v, p := answer.Header().Get("X-Version"), answer.Header().Get("X-Pod"); v != "v1" || p != "web-1" {
			t.Errorf("%s: X-Version %q and X-Pod %q, want v1 and web-1", row.path, v, p)
		}
	}
}

func TestErrorRateIsExact(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]int{0: 0, 0.5: 5, 1: 10, 33: 330, 50: 500, 100: 1000} {
		s := &server{errorRate: rate}
		got := 0
		for range 1000 {
			if s.unlucky() {
				got++
			}
		}
		if got != want {
			t.Errorf("%v%%: %d errors in 1000 requests, want %d", rate, got, want)
		}
	}
}
