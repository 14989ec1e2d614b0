// Package world is everything a release needs, on this machine: a Temporal server
// and a Cloud Run that serves, both in this process, and workers.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	temporalclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/deploy/local/embedded"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/worker"
)

// Names of the only project and region there are.
const (
	Project  = "serin"
	Location = "europe-west1"
	Parent   = "projects/" + Project + "/locations/" + Location
)

// World is a running one. Close ends it.
type World struct {
	Server   *embedded.Server
	Run      *cloudruntest.Server
	Temporal temporalclient.Client
	Store    *artifact.Store
	Client   *client.Client
	Address  string // of the artifact store

	dir string
}

// Start starts a world without a worker.
func Start(ctx context.Context) (w *World, err error) {
	w = &World{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "serin-world-"); err != nil {
		return w, fmt.Errorf("make a folder for artifacts: %w", err)
	}
	w.Address = "file://" + filepath.Join(w.dir, "artifacts")
	if w.Server, err = embedded.Start(ctx, embedded.Options{Ephemeral: true, Headless: true, Log: quiet()}); err != nil {
		return w, err
	}
	if w.Run, err = cloudruntest.NewServer(ctx, cloudruntest.Options{}); err != nil {
		return w, err
	}
	w.Run.Handle("*", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, revision := cloudruntest.Revision(r.Context())
		_, _ = io.WriteString(rw, revision)
	}))
	if w.Store, err = artifact.Open(ctx, w.Address); err != nil {
		return w, err
	}
	w.Temporal, err = temporalclient.DialContext(ctx, temporalclient.Options{
		HostPort: w.Server.Address(), Logger: sdklog.NewStructuredLogger(quiet()),
	})
	if err != nil {
		return w, fmt.Errorf("connect to Temporal: %w", err)
	}
	w.Client = client.New(w.Temporal, w.Store)
	return w, nil
}

// Worker starts a worker in this process and returns what stops it. Its releases may
// go to targets with task queues of their own.
func (w *World) Worker(taskQueue string) (stop func(), err error) {
	return w.WorkerWith(worker.Options{TaskQueue: taskQueue, Shared: true})
}

// WorkerWith is Worker with other options; its artifact store is the world's.
func (w *World) WorkerWith(o worker.Options) (stop func(), err error) {
	o.Artifacts = w.Address
	wk := worker.New(w.Temporal, w.Store, o, func(error) {})
	if err := wk.Start(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return wk.Stop, nil
}

// Environment is what a worker process needs to work here.
func (w *World) Environment() []string {
	return []string{"TEMPORAL_ADDRESS=" + w.Server.Address(), "SERIN_ARTIFACTS=" + w.Address, "SERIN_ARTIFACTS_SHARED=1"}
}

// Service returns the full name of a Cloud Run service. One that is not in Location has its
// own in front: "europe-west2/shop".
func (w *World) Service(name string) string {
	location := Location
	if before, after, ok := strings.Cut(name, "/"); ok {
		location, name = before, after
	}
	return cloudruntest.ServiceName(Project, location, name)
}

// Release packs a service manifest with the given image and asks for a release.
func (w *World) Release(ctx context.Context, pipeline, release, service, image string) (rollout.ReleaseStatus, error) {
	source, err := w.Source(ctx, map[string]string{"service.yaml": Manifest(service, image)})
	if err != nil {
		return rollout.ReleaseStatus{}, err
	}
	return w.Client.CreateRelease(ctx, rollout.CreateRequest{Pipeline: pipeline, Release: release, Source: source, Actor: "ann"})
}

// Source packs files, content by name, and returns their digest.
func (w *World) Source(ctx context.Context, files map[string]string) (string, error) {
	tree := fstest.MapFS{}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
	}
	packed, err := render.Pack(tree)
	if err != nil {
		return "", err
	}
	return w.Store.Put(ctx, packed)
}

// Damage overwrites a stored artifact, so that its digest no longer matches.
func (w *World) Damage(digest string) error {
	hex := strings.TrimPrefix(digest, "sha256:")
	file := filepath.Join(w.dir, "artifacts", "sha256", hex[:2], hex)
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("damage %s: %w", digest, err)
	}
	return os.WriteFile(file, []byte("damaged"), 0o600)
}

// Close ends everything.
func (w *World) Close() error {
	var all error
	if w.Temporal != nil {
		w.Temporal.Close()
	}
	if w.Store != nil {
		all = errors.Join(all, w.Store.Close())
	}
	if w.Run != nil {
		all = errors.Join(all, w.Run.Close())
	}
	if w.Server != nil {
		all = errors.Join(all, w.Server.Stop())
	}
	return errors.Join(all, os.RemoveAll(w.dir))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
