package client

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// Every error of Temporal keeps or gets a kind, and a text that says what to do.
func TestRestore(t *testing.T) {
	t.Parallel()
	mine := &rollout.Error{Op: "artifact: put", Kind: rollout.Denied, Err: errors.New("no")}
	tests := []struct {
		name string
		err  error
		kind rollout.Kind
		text string
	}{
		{"ours stays as it is", fmt.Errorf("wrapped: %w", mine), rollout.Denied, "wrapped: artifact: put: no"},
		{
			"a refusal keeps its kind and only its own text",
			temporal.NewApplicationError("phase canary-10 does not wait", "Refused"), rollout.Refused,
			"advance v2: phase canary-10 does not wait",
		},
		{
			"what is done to what is said once",
			temporal.NewApplicationError("advance v2: phase canary-10 does not wait", "Refused"), rollout.Refused,
			"advance v2: phase canary-10 does not wait",
		},
		{
			"the kind is found behind another application error",
			temporal.NewApplicationErrorWithCause("activity error", "wrapError",
				temporal.NewNonRetryableApplicationError("shop.yaml:3: unknown field", "Invalid", nil)), rollout.Invalid,
			"advance v2: shop.yaml:3: unknown field",
		},
		{
			"an error without a kind is a failure",
			temporal.NewApplicationError("index out of range", "PanicError"), rollout.Failed,
			"advance v2: index out of range",
		},
		{
			"an update that its workflow outlived is refused",
			temporal.NewApplicationError("workflow completed before the update", "AcceptedUpdateCompletedWorkflow"), rollout.Refused,
			"advance v2: workflow completed before the update",
		},
		{
			"not found", fmt.Errorf("failed workflow update: %w", serviceerror.NewNotFound("workflow not found for ID: x")), rollout.NotFound,
			"advance v2: it does not exist (serin rollout list --pipeline shop)",
		},
		{
			"no namespace", serviceerror.NewNamespaceNotFound("prod"), rollout.NotFound,
			"advance v2: Namespace prod is not found. (create the namespace, or name another one in TEMPORAL_NAMESPACE)",
		},
		{
			"unavailable", serviceerror.NewUnavailable("connection refused"), rollout.Unreachable,
			"advance v2 through Temporal at temporal:7233: connection refused (is Temporal running there? TEMPORAL_ADDRESS or a profile names another address)",
		},
		{
			"deadline", context.DeadlineExceeded, rollout.Unreachable,
			"advance v2 through Temporal at temporal:7233: context deadline exceeded (is Temporal running there? TEMPORAL_ADDRESS or a profile names another address)",
		},
		{"cancelled by the caller", context.Canceled, "", "advance v2: context canceled"},
		{"cancelled by the caller, said by the server", serviceerror.NewCanceled("RPC canceled"), "", "advance v2: context canceled: RPC canceled"},
		{
			"permission", serviceerror.NewPermissionDenied("not allowed", ""), rollout.Denied,
			"advance v2: not allowed (check the credentials and what the namespace allows them)",
		},
		{"already started", serviceerror.NewWorkflowExecutionAlreadyStarted("it has run", "", ""), rollout.Conflict, "advance v2: it has run"},
		{"argument", serviceerror.NewInvalidArgument("id too long"), rollout.Invalid, "advance v2: id too long"},
		{"quota", serviceerror.NewResourceExhausted(0, "slow down"), rollout.Transient, "advance v2: slow down"},
		{
			"old server", serviceerror.NewUnimplemented("unknown method"), rollout.Unsupported,
			"advance v2: unknown method (the Temporal server is too old for this call)",
		},
		{"query", serviceerror.NewQueryFailed("unknown queryType plan"), rollout.Failed, "advance v2: unknown queryType plan"},
		{
			"stuck", serviceerror.NewWorkflowNotReady("Workflow Task in failed state."), rollout.Transient,
			"advance v2: Workflow Task in failed state. (its worker fails or has only begun: see the worker's log, or the workflow's page)",
		},
		{"unknown", errors.New("surprise"), rollout.Failed, "advance v2: surprise"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := call{op: "advance", on: "v2", via: " through Temporal at temporal:7233", missing: "serin rollout list --pipeline shop"}
			got := restore(in, tt.err)
			wantError(t, got, tt.kind, tt.text)
			if !errors.Is(got, tt.err) {
				t.Errorf("the cause %v is not in the chain", tt.err)
			}
		})
	}
	if err := restore(call{}, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
