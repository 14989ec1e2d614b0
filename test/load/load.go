// Package load sends a steady stream of requests and knows who answered each.
package load

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say where the requests go. A zero Rate is 300, zero Clients are 10.
type Options struct {
	URL     string
	Host    string            // of the request; "" is the URL's
	Header  map[string]string // of the request
	Answer  string            // header of the response that says who answered; "" is its body
	Rate    int               // requests per second, all clients together
	Clients int               // keep-alive connections

	Seen func(*http.Response) // sees each response, its body excepted; nil: nobody does
}

// Load is a stream of requests under way. It is safe for concurrent use.
type Load struct {
	o      Options
	client *http.Client
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	answers map[string]int
	failed  []string
	total   int
	grown   chan struct{} // closed and replaced at every answer
}

// Report is what came of a load.
type Report struct {
	Requests int            `json:"requests"` // failed ones included
	Failed   []string       `json:"failed,omitempty"`
	Answers  map[string]int `json:"answers"`
}

// Start begins to send. It ends with ctx or Stop.
func Start(ctx context.Context, o Options) *Load {
	if o.Rate == 0 {
		o.Rate = 300
	}
	if o.Clients == 0 {
		o.Clients = 10
	}
	ctx, stop := context.WithCancel(ctx)
	l := &Load{
		o: o, stop: stop, answers: map[string]int{}, grown: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.Clients}},
	}
	ticks := make(chan struct{})
	l.done.Go(func() { pace(ctx, ticks, time.Second/time.Duration(o.Rate)) })
	for range o.Clients {
		l.done.Go(func() {
			for range ticks {
				l.one(ctx)
			}
		})
	}
	return l
}

// pace sends one tick after the other until ctx ends. Time that nobody was there to
// take one is made up for, so that the rate is the mean.
func pace(ctx context.Context, ticks chan<- struct{}, every time.Duration) {
	defer close(ticks)
	next := time.Now()
	for {
		next = next.Add(every)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		select {
		case <-ctx.Done():
			return
		case ticks <- struct{}{}:
		}
	}
}

// one sends one request. It is carried to its end also when the load is stopped: a
// request that the sender gave up is no evidence.
func (l *Load) one(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	who, err := l.ask(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if err != nil {
		l.failed = append(l.failed, fmt.Sprintf("%s: %v", time.Now().UTC().Format(time.TimeOnly), err))
	} else {
		l.answers[who]++
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *Load) ask(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.o.URL, nil)
	if err != nil {
		return "", err
	}
	req.Host = l.o.Host
	for name, value := range l.o.Header {
		req.Header.Set(name, value)
	}
	res, err := l.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if l.o.Seen != nil {
		l.o.Seen(res)
	}
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "", err
	case res.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s %v: %s", res.Status, res.Header, strings.TrimSpace(string(body)))
	case l.o.Answer != "":
		return res.Header.Get(l.o.Answer), nil
	}
	return strings.TrimSpace(string(body)), nil
}

// Next counts the next n answers, by who gave them.
func (l *Load) Next(ctx context.Context, n int) (map[string]int, error) {
	before := l.Report()
	for {
		l.mu.Lock()
		grown := l.grown
		now, sum := maps.Clone(l.answers), 0
		l.mu.Unlock()
		for who := range now {
			if now[who] -= before.Answers[who]; now[who] == 0 {
				delete(now, who)
			}
			sum += now[who]
		}
		if sum >= n {
			return now, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return now, fmt.Errorf("%d of %d answers: %w", sum, n, ctx.Err())
		}
	}
}

// Report is what came of it so far.
func (l *Load) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Report{Requests: l.total, Failed: append([]string(nil), l.failed...), Answers: maps.Clone(l.answers)}
}

// Stop ends the load once every request under way has its answer.
func (l *Load) Stop() Report {
	l.stop()
	l.done.Wait()
	l.client.CloseIdleConnections()
	return l.Report()
}
