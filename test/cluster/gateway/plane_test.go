package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Caddy runs once in a process, so the tests of the data plane are not parallel.

func startPlane(t *testing.T) *Plane {
	t.Helper()
	p, err := StartPlane("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// named returns the address of a server that answers with its name.
func named(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Seen", r.Header.Get("X-Added"))
		_, _ = io.WriteString(w, name)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// answer is what a client sees of one response.
type answer struct {
	status int
	body   string
	header http.Header
}

func ask(t *testing.T, client *http.Client, method, url string, headers map[string]string) answer {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("order")
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range headers {
		if name == "Host" {
			req.Host = v
		} else {
			req.Header.Set(name, v)
		}
	}
	res, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{res.StatusCode, string(text), res.Header}
}

func anyPath() Match { return Match{Path: Path{Kind: Prefix, Value: "/"}} }

func TestPlaneSplitsByWeight(t *testing.T) {
	p := startPlane(t)
	p.SetEndpoints(map[string][]string{
		"shop/web:80":        {named(t, "stable"), named(t, "stable")},
		"shop/web-canary:80": {named(t, "canary")},
	})
	for _, weight := range []int64{0, 1, 25, 50, 100} {
		p.SetTable(Table{{Name: "HTTPRoute shop/web 0", Match: anyPath(), Backends: []Backend{
			{Service: "shop/web:80", Weight: 100 - weight}, {Service: "shop/web-canary:80", Weight: weight},
		}}})
		var canary atomic.Int64
		var clients sync.WaitGroup
		for range 10 { // keep-alive clients: the split is one of requests, not of connections
			clients.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for range 100 {
					if ask(t, client, http.MethodGet, "http://"+p.Address(), nil).body == "canary" {
						canary.Add(1)
					}
				}
			})
		}
		clients.Wait()
		if got, want := canary.Load(), weight*10; got != want {
			t.Errorf("weight %d: %d of 1000 requests went to the canary, want %d", weight, got, want)
		}
	}
}

func TestPlaneAnswersForWhatIsMissing(t *testing.T) {
	p := startPlane(t)
	p.SetTable(Table{
		{Name: "HTTPRoute shop/none 0", Match: Match{Path: Path{Kind: Prefix, Value: "/none"}}, Backends: []Backend{{Service: "shop/none:80", Weight: 1}}},
		{Name: "HTTPRoute shop/bad 0", Match: Match{Path: Path{Kind: Prefix, Value: "/bad"}}, Backends: []Backend{{Invalid: true, Weight: 1}}},
		{Name: "HTTPRoute shop/empty 0", Match: Match{Path: Path{Kind: Prefix, Value: "/empty"}}},
		{Name: "HTTPRoute shop/zero 0", Match: Match{Path: Path{Kind: Prefix, Value: "/zero"}}, Backends: []Backend{{Service: "shop/none:80"}}},
	})
	for path, want := range map[string]int{"/": 404, "/none": 503, "/bad": 500, "/empty": 500, "/zero": 500} {
		got := ask(t, http.DefaultClient, http.MethodGet, "http://"+p.Address()+path, nil)
		if got.status != want {
			t.Errorf("%s: status %d, want %d", path, got.status, want)
		}
		if service := got.header.Get("X-No-Endpoints"); (service == "shop/none:80") != (want == 503) {
			t.Errorf("%s: X-No-Endpoints %q with status %d", path, service, got.status)
		}
	}
}

func TestPlaneMatchesHeadersAndEditsThem(t *testing.T) {
	p := startPlane(t)
	p.SetEndpoints(map[string][]string{"shop/web:80": {named(t, "stable")}, "shop/web-canary:80": {named(t, "canary")}})
	byHeader := anyPath()
	byHeader.Headers = []Value{{Name: "X-Canary", Value: "always"}}
	p.SetTable(Table{
		{Name: "HTTPRoute shop/web 0", Match: anyPath(), Backends: []Backend{{Service: "shop/web:80", Weight: 1}}},
		{Name: "HTTPRoute shop/web 1", Match: byHeader, Backends: []Backend{{
			Service: "shop/web-canary:80", Weight: 1,
			Request:  []Edit{{Set: map[string]string{"X-Added": "yes"}}},
			Response: []Edit{{Set: map[string]string{"X-Track": "canary"}}},
		}}},
	})
	url := "http://" + p.Address()
	if got := ask(t, http.DefaultClient, http.MethodGet, url, nil); got.body != "stable" || got.header.Get("X-Seen") != "" {
		t.Errorf("without the header: %v", got)
	}
	got := ask(t, http.DefaultClient, http.MethodGet, url, map[string]string{"X-Canary": "always"})
	if got.body != "canary" || got.header.Get("X-Seen") != "yes" || got.header.Get("X-Track") != "canary" {
		t.Errorf("with the header: %v", got)
	}
}

// load asks url by keep-alive clients until stop, and reports every answer that is not 200.
func load(t *testing.T, url string, stop <-chan struct{}) (served *atomic.Int64, wait func()) {
	t.Helper()
	var clients sync.WaitGroup
	served = &atomic.Int64{}
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := ask(t, client, http.MethodGet, url, nil); got.status != http.StatusOK {
					t.Errorf("after %d requests: %d %s", served.Load(), got.status, got.body)
					return
				}
				served.Add(1)
			}
		})
	}
	return served, clients.Wait
}

// until asks url itself until the clients of load served so many more requests.
func until(t *testing.T, url string, served *atomic.Int64, more int64) {
	t.Helper()
	for end := served.Load() + more; served.Load() < end && !t.Failed(); {
		ask(t, http.DefaultClient, http.MethodGet, url, nil)
	}
}

func web(endpoints ...string) map[string][]string {
	return map[string][]string{"shop/web:80": endpoints}
}

func toWeb() Table {
	return Table{{Name: "HTTPRoute shop/web 0", Match: anyPath(), Backends: []Backend{{Service: "shop/web:80", Weight: 1}}}}
}

func TestPlaneLosesNoRequestWhenAnEndpointGoes(t *testing.T) {
	// A server waits some seconds for connections that never carried a request, so the test does not wait for it.
	shutdown := func(s *http.Server) {
		closed := make(chan struct{})
		s.RegisterOnShutdown(func() { close(closed) })
		go func() { _ = s.Shutdown(t.Context()) }()
		<-closed
	}
	tests := map[string]func(p *Plane, goes *http.Server, stays string){
		"taken out, then shut down": func(p *Plane, goes *http.Server, stays string) {
			p.SetEndpoints(web(stays))
			shutdown(goes)
		},
		"shut down before the gateway knows": func(p *Plane, goes *http.Server, stays string) {
			shutdown(goes)
			p.SetEndpoints(web(stays))
		},
		"killed before the gateway knows": func(p *Plane, goes *http.Server, stays string) {
			if err := goes.Close(); err != nil {
				t.Error(err)
			}
			p.SetEndpoints(web(stays))
		},
	}
	for name, goAway := range tests {
		t.Run(name, func(t *testing.T) {
			p := startPlane(t)
			p.SetTable(toWeb())
			stays, url := named(t, "stays"), "http://"+p.Address()
			p.SetEndpoints(web(stays))
			stop := make(chan struct{})
			served, wait := load(t, url, stop)
			for range 10 {
				goes := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "goes") }))
				p.SetEndpoints(web(stays, strings.TrimPrefix(goes.URL, "http://")))
				until(t, url, served, 50)
				goAway(p, goes.Config, stays)
			}
			until(t, url, served, 50)
			close(stop)
			wait()
		})
	}
}

func TestPlaneTriesAnotherEndpointWithoutAConnection(t *testing.T) {
	p := startPlane(t)
	p.SetTable(toWeb())
	gone := httptest.NewServer(nil)
	gone.Close()
	p.SetEndpoints(web(strings.TrimPrefix(gone.URL, "http://"), named(t, "stays")))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for range 50 {
			if got := ask(t, http.DefaultClient, method, "http://"+p.Address(), nil); got.body != "stays" {
				t.Fatalf("%s: %d %s", method, got.status, got.body)
			}
		}
	}
	p.SetEndpoints(web(strings.TrimPrefix(gone.URL, "http://")))
	if got := ask(t, http.DefaultClient, http.MethodGet, "http://"+p.Address(), nil); got.status != http.StatusBadGateway {
		t.Errorf("only a dead endpoint: status %d, want 502", got.status)
	}
}

func TestPlaneDoesNotSendAPostTwice(t *testing.T) {
	p := startPlane(t)
	p.SetTable(toWeb())
	var seen atomic.Int64
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		seen.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer breaks.Close()
	p.SetEndpoints(web(strings.TrimPrefix(breaks.URL, "http://")))
	if got := ask(t, http.DefaultClient, http.MethodPost, "http://"+p.Address(), nil); got.status != http.StatusBadGateway || seen.Load() != 1 {
		t.Errorf("status %d after %d tries, want 502 after 1", got.status, seen.Load())
	}
}

func TestPlaneFinishesRequestsOfATerminatingEndpoint(t *testing.T) {
	p := startPlane(t)
	p.SetTable(toWeb())
	arrived, finish := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "terminating")
	}))
	defer slow.Close()
	url := "http://" + p.Address()
	p.SetEndpoints(web(strings.TrimPrefix(slow.URL, "http://")))
	first := make(chan answer, 1)
	go func() { first <- ask(t, &http.Client{Transport: &http.Transport{}}, http.MethodGet, url, nil) }()
	<-arrived
	p.SetEndpoints(web(named(t, "stays")))
	p.SetTable(Table{})
	p.SetTable(toWeb())
	for range 20 {
		if got := ask(t, http.DefaultClient, http.MethodGet, url, nil); got.body != "stays" {
			t.Errorf("a new request got %d %q", got.status, got.body)
		}
	}
	close(finish)
	if got := <-first; got.body != "terminating" {
		t.Errorf("the running request got %d %q", got.status, got.body)
	}
}

func TestPlaneSpeaksGRPC(t *testing.T) {
	p := startPlane(t)
	p.SetTable(toWeb())
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.WriteString(w, r.Proto)
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = unencryptedHTTP2()
	s.Start()
	defer s.Close()
	p.SetEndpoints(web(strings.TrimPrefix(s.URL, "http://")))
	client := &http.Client{Transport: &http.Transport{Protocols: unencryptedHTTP2()}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Address()+"/shop.Cart/Get", strings.NewReader("order"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "HTTP/2.0" || res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %q, trailer %v, error %v", body, res.Trailer, err)
	}
}

func unencryptedHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

func TestPlaneCanaryIngress(t *testing.T) {
	p := startPlane(t)
	p.SetEndpoints(map[string][]string{"shop/web:80": {named(t, "stable")}, "shop/web-canary:80": {named(t, "canary")}})
	p.SetTable(Table{{
		Name: "Ingress shop/web 0", Match: anyPath(), Canary: &Canary{Header: "X-Canary", Cookie: "canary"},
		Backends: []Backend{{Service: "shop/web:80", Weight: 90}, {Service: "shop/web-canary:80", Weight: 10}},
	}})
	tests := []struct {
		headers map[string]string
		want    int // of 100 requests, how many go to the canary
	}{
		{nil, 10},
		{map[string]string{"X-Canary": "always"}, 100},
		{map[string]string{"X-Canary": "never"}, 0},
		{map[string]string{"X-Canary": "other"}, 10},
		{map[string]string{"Cookie": "canary=always"}, 100},
		{map[string]string{"Cookie": "canary=always", "X-Canary": "never"}, 0},
		{map[string]string{"Cookie": "canary=never", "X-Canary": "always"}, 100},
	}
	for _, tt := range tests {
		got := 0
		for range 100 {
			if ask(t, http.DefaultClient, http.MethodGet, "http://"+p.Address(), tt.headers).body == "canary" {
				got++
			}
		}
		if got != tt.want {
			t.Errorf("headers %v: %d of 100 requests went to the canary, want %d", tt.headers, got, tt.want)
		}
	}
}

func TestPlaneAnswers500ForTheShareOfAMissingService(t *testing.T) {
	p := startPlane(t)
	p.SetEndpoints(web(named(t, "stable")))
	p.SetTable(Table{{Name: "HTTPRoute shop/web 0", Match: anyPath(), Backends: []Backend{
		{Service: "shop/web:80", Weight: 80}, {Invalid: true, Weight: 20},
	}}})
	got := map[int]int{}
	for range 100 {
		got[ask(t, http.DefaultClient, http.MethodGet, "http://"+p.Address(), nil).status]++
	}
	if got[http.StatusOK] != 80 || got[http.StatusInternalServerError] != 20 {
		t.Errorf("statuses %v, want 80 times 200 and 20 times 500", got)
	}
}
