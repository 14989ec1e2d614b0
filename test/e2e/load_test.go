package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// pause is between two requests of a load.
const pause = 2 * time.Millisecond

// load sends requests to the scene's service until the returned function is called,
// which wants every one of them answered well and some by each release.
func (s *scene) load() (stop func(releases ...string)) {
	s.t.Helper()
	svc, err := s.w.Run.Service(s.service())
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	l := &load{answers: map[string]int{}}
	client := s.w.Run.Client()
	var done sync.WaitGroup
	done.Go(func() { l.run(ctx, client, svc.Uri) })
	end := sync.OnceFunc(func() {
		cancel()
		done.Wait()
		client.CloseIdleConnections()
	})
	s.t.Cleanup(end)
	return func(releases ...string) {
		s.t.Helper()
		end()
		l.judge(s.t, s.images(), releases)
	}
}

// images returns the release of each revision.
func (s *scene) images() map[string]string {
	s.t.Helper()
	revisions, err := s.w.Revisions(s.ctx, s.pipeline())
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]string{}
	for name, r := range revisions {
		out[name] = r.Containers[0].Image[len("img/"):]
	}
	return out
}

// load is what a stream of requests was answered.
type load struct {
	answers map[string]int // by revision
	failed  []string
}

func (l *load) run(ctx context.Context, c *http.Client, url string) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		revision, err := ask(ctx, c, url)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.failed = append(l.failed, err.Error())
		default:
			l.answers[revision]++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func ask(ctx context.Context, c *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return string(body), err
}

func (l *load) judge(t *testing.T, images map[string]string, releases []string) {
	t.Helper()
	byRelease, sum := map[string]int{}, 0
	for revision, n := range l.answers {
		byRelease[images[revision]] += n
		sum += n
	}
	t.Logf("%d requests: %v", sum, byRelease)
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests failed, the first with %s", len(l.failed), sum+len(l.failed), l.failed[0])
	}
	for _, r := range releases {
		if byRelease[r] == 0 {
			t.Errorf("%s answered none", r)
		}
		delete(byRelease, r)
	}
	if len(byRelease) > 0 {
		t.Errorf("others answered: %v", byRelease)
	}
}
