package kube

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Request is one request to the API server.
type Request struct {
	Time      time.Time // when the API server received it
	User      string
	UserAgent string
	Verb      string // get, list, watch, create, update, patch, delete, deletecollection
	// Group, Resource and Subresource are empty for what is not a resource, such as /readyz.
	Group, Resource, Subresource string
	Namespace, Name              string
	URI                          string
	Code                         int // of the response; a watch is written when it begins
}

// Requests returns the requests that came at or after since and have been answered, in
// the order of their answers. Each watch counts once, when it begins.
func (c *Cluster) Requests(ctx context.Context, since time.Time) ([]Request, error) {
	mark, err := c.mark(ctx)
	if err != nil {
		return nil, fmt.Errorf("mark the end of the audit log: %w", err)
	}
	f, err := os.Open(c.Audit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewReader(f)
	var out []Request
	for {
		line, err := nextLine(ctx, lines)
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		if bytes.Contains(line, mark) {
			return out, nil
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the audit log: %w in %s", err, line)
		}
		if r := e.request(); !r.Time.Before(since) && r.UserAgent != markAgent {
			out = append(out, r)
		}
	}
}

const markAgent = "serin-test-mark"

// mark makes a request that can be found in the log, behind everything answered so far.
func (c *Cluster) mark(ctx context.Context) ([]byte, error) {
	text := rand.Text()
	err := c.Client.Discovery().RESTClient().Get().AbsPath("/version").Param("mark", text).
		SetHeader("User-Agent", markAgent).Do(ctx).Error()
	return []byte(text), err
}

// nextLine waits for a line that is whole.
func nextLine(ctx context.Context, r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadBytes('\n')
		line = append(line, part...)
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		select { // the log is written just after the answer
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// entry is what is read of an audit event (audit.k8s.io/v1).
type entry struct {
	RequestURI               string    `json:"requestURI"`
	Verb                     string    `json:"verb"`
	UserAgent                string    `json:"userAgent"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
	User                     struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

func (e entry) request() Request {
	code := e.ResponseStatus.Code
	if code == 0 && e.Verb == "watch" {
		code = http.StatusOK // it has begun
	}
	return Request{
		Time: e.RequestReceivedTimestamp, User: e.User.Username, UserAgent: e.UserAgent, Verb: e.Verb,
		Group: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, URI: e.RequestURI, Code: code,
	}
}
