package cloudruntest_test

import (
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

func TestWaitHonorsItsTimeoutOnTheClock(t *testing.T) {
	t.Parallel()
	clock := fakeClock()
	e := start(t, cloudruntest.Options{Clock: clock, Latency: time.Minute})
	op := e.create(&run.GoogleCloudRunV2Service{Template: template("v1", "")})
	wait := func(timeout string) <-chan *run.GoogleLongrunningOperation {
		out := make(chan *run.GoogleLongrunningOperation, 1)
		go func() {
			defer close(out)
			got, err := e.ops.Wait(op.Name, &run.GoogleLongrunningWaitOperationRequest{Timeout: timeout}).Do()
			if err != nil {
				t.Error(err)
				return
			}
			out <- got
		}()
		if err := clock.WaitTimers(deadline(t), 2); err != nil { // the operation's and the wait's
			t.Error(err)
		}
		return out
	}
	short := wait("20s")
	clock.Advance(20 * time.Second)
	if got := <-short; got == nil || got.Done {
		t.Errorf("after 20 s: %+v, want not done", got)
	}
	long := wait("300s")
	clock.Advance(40 * time.Second)
	if got := <-long; got == nil || !got.Done || got.Response == nil {
		t.Errorf("after 60 s: %+v, want done", got)
	}
	if _, err := e.ops.Wait(op.Name, &run.GoogleLongrunningWaitOperationRequest{Timeout: "soon"}).Do(); status(t, err) != "400 INVALID_ARGUMENT" {
		t.Errorf("timeout soon: %v", err)
	}
}

func TestValidateOnlyLeavesNoTrace(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	op, err := e.services.Create(parent, &run.GoogleCloudRunV2Service{Template: template("v1", "")}).ServiceId("checkout").ValidateOnly(true).Do()
	if err != nil || !op.Done {
		t.Fatal(op, err)
	}
	if _, err := e.services.Get(name).Do(); status(t, err) != "404 NOT_FOUND" {
		t.Errorf("service: %v", err)
	}
	if _, err := e.ops.Get(op.Name).Do(); status(t, err) != "404 NOT_FOUND" {
		t.Errorf("operation: %v", err)
	}
	e.first()
	before := e.get()
	if _, err := e.services.Patch(name, &run.GoogleCloudRunV2Service{Template: template("v2", "")}).UpdateMask("template").ValidateOnly(true).Do(); err != nil {
		t.Error(err)
	}
	if _, err := e.services.Delete(name).ValidateOnly(true).Do(); err != nil {
		t.Error(err)
	}
	if after := e.get(); after.Etag != before.Etag || len(revisions(e)) != 1 {
		t.Error("a validated patch changed the service")
	}
}

func TestAllowMissingCreates(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	if _, err := e.services.Patch(name, &run.GoogleCloudRunV2Service{Template: template("v1", "checkout-a")}).AllowMissing(true).Do(); err != nil {
		t.Fatal(err)
	}
	e.wantShares(map[string]int64{"checkout-a": 100})
}

func TestDeleteService(t *testing.T) {
	t.Parallel()
	e := start(t, cloudruntest.Options{})
	e.first()
	old := e.get()
	op, err := e.services.Delete(name).Do()
	if err != nil {
		t.Fatal(err)
	}
	if got := e.op(op); !got.Done || got.Error != nil {
		t.Errorf("operation %+v", got)
	}
	if _, err := e.services.Get(name).Do(); status(t, err) != "404 NOT_FOUND" {
		t.Errorf("get: %v", err)
	}
	e.first()
	if e.get().Uid == old.Uid {
		t.Error("a service made again has the old uid")
	}
}
