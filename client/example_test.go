package client_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// deliver releases a packed source to prod and returns when it serves there. It
// may run again after a crash: the same release and the same advance are not
// made twice.
func deliver(ctx context.Context, store client.Store, yaml, source []byte) error {
	c, err := client.Dial(ctx, client.Options{Identity: "delivery-service"}, store)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
	defer cancel()

	if _, err = c.Apply(ctx, yaml, "delivery-service"); err != nil {
		return err // every problem at once, with file and line
	}
	digest, err := store.Put(ctx, source)
	if err != nil {
		return err
	}
	_, err = c.CreateRelease(ctx, rollout.CreateRequest{
		Pipeline: "shop", Release: "v2", Source: digest, Actor: "delivery-service",
		Images: map[string]string{"shop": "registry.example/shop@sha256:5b1c"},
	})
	if err != nil {
		return err // rollout.Conflict: v2 exists with other content
	}
	name, err := c.WaitRollout(ctx, "shop", "v2", "prod")
	if err != nil {
		return err
	}
	for {
		r, err := c.Wait(ctx, "shop", name, client.StopWaiting())
		switch {
		case err != nil:
			return err
		case r.State == rollout.StateSucceeded:
			return nil
		case r.Done():
			return fmt.Errorf("rollout %s is %s: %s", name, r.State, r.Failure)
		case r.Waiting.For != rollout.WaitAdvance:
			return fmt.Errorf("rollout %s waits for a %s: %s", name, r.Waiting.For, r.Waiting.Reason)
		}
		next, _ := r.NextPhase()
		if next == nil {
			return errors.New("rollout " + name + " waits for an advance, but has no phase left")
		}
		_, err = c.Advance(client.WithRequestID(ctx, "delivery-of-v2"), "shop", name, rollout.Command{
			Phase: next.ID, Digest: r.Digest, Actor: "delivery-service", Reason: "tests are green",
		})
		if err != nil {
			return err // rollout.Refused: somebody else was faster, or a policy forbids it
		}
	}
}

// memory is an artifact store that nobody else reads; a service opens the one
// that its workers read.
type memory map[string][]byte

func (m memory) Put(_ context.Context, content []byte) (string, error) {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
	m[digest] = content
	return digest, nil
}

// A service that delivers by itself, and tells failures apart by their kind.
func Example() {
	err := deliver(context.Background(), memory{}, []byte("kind: DeliveryPipeline"), []byte("a packed source"))
	switch rollout.KindOf(err) {
	case rollout.Unreachable, rollout.Expired, rollout.Transient:
		log.Print("try again: ", err)
	default:
		log.Print("tell somebody: ", err)
	}
}
