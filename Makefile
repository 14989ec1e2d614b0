# Needs Go, Git and make; the race detector of `make test` needs a C compiler too. `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

BIN := build/bin

# Every module whose code is ours. deploy/local holds a Temporal server and test/cluster a Kubernetes control
# plane, so that neither reaches the go.mod of who imports client. tools holds no code, only the versions of what is built
# into $(BIN).
HEAVY   := $(patsubst %/go.mod,%,$(wildcard deploy/local/go.mod test/cluster/go.mod test/go.mod))
MODULES := . $(HEAVY)

# One set of build flags for build, vet, lint and test (the defaults): another set compiles the servers again.

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: ## Start the embedded stack and watch releases go through it
	@echo "demo: building the embedded stack (about 3 min the first time)"
	@cd deploy/local && go run . demo

build: ## Build serin, serin-worker and the embedded stack into build/bin
	@echo "build: the two programs and the embedded stack (about 5 min on an empty cache)"
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./cmd/serin ./cmd/serin-worker
	go -C deploy/local build -o "$(CURDIR)"/$(BIN)/serin-local .

cluster: ## Run a Kubernetes cluster on this machine, for people; Ctrl-C ends it
	@echo "cluster: building the control plane (about 6 min the first time)"
	@mkdir -p $(BIN) && sh test/cluster/build.sh "$(CURDIR)"/$(BIN)/cluster
	@$(BIN)/cluster up --kubeconfig "$(CURDIR)"/build/kubeconfig

fmt: $(BIN)/golangci-lint ## Format the code as check wants it (gofumpt, grouped imports)
	@for m in $(MODULES); do (cd $$m && "$(CURDIR)"/$(BIN)/golangci-lint fmt); done

check: $(BIN)/golangci-lint $(BIN)/workflowcheck ## Lint, vet, import directions, determinism of workflows, tidy modules
	@rc=0; git grep -InE --untracked 'TO''DO|FIX''ME|not imple''mented' || rc=$$?; if [ $$rc -ne 1 ]; then \
		echo "check: finish what the lines above leave open, or file an issue (git grep: $$rc)" >&2; exit 1; fi
	@deps=$$(go list -deps ./workflows ./client); \
		if grep -E '(^|[./])k8s\.io(/|$$)|^google\.golang\.org/api(/|$$)' <<<"$$deps"; then \
		echo "check: workflows and client must not depend on the platform libraries above" >&2; exit 1; fi
	@for m in $(MODULES) tools; do echo "check: go mod tidy -diff in $$m"; go -C $$m mod tidy -diff; done
	@for m in $(MODULES); do echo "check: linting $$m (compiles its dependencies when the cache is empty)"; \
		(cd $$m && "$(CURDIR)"/$(BIN)/golangci-lint run ./...); done
	@echo "check: workflowcheck (nothing in a workflow may differ in a replay)"
	@$(BIN)/workflowcheck ./workflows/...

# The root module runs with the race detector. The heavy ones run without: a race build of their servers is a
# second build of them, 4 minutes more, and what races there is the servers' code, not ours.
test: ## Run every test
	@echo "test: root module, with the race detector (about 3 min on an empty cache)"
	@race=-race; command -v "$$(go env CC)" >/dev/null || { race=; echo "test: no C compiler, so without the race detector"; }; \
		echo go test $$race -shuffle=on ./...; go test $$race -shuffle=on ./...
	@echo "test: building the Kubernetes control plane (about 6 min on an empty cache)"
	@mkdir -p $(BIN) && sh test/cluster/build.sh "$(CURDIR)"/$(BIN)/cluster && rm -f build/traffic.json
	@for m in $(HEAVY); do echo "test: $$m (about 5 min, and as long to build on an empty cache)"; \
		go -C $$m test -timeout=30m -shuffle=on ./...; done
	@if [ -f build/traffic.json ]; then echo "test: traffic, kept in build/traffic.json"; head -4 build/traffic.json; fi

fuzz: ## Run each fuzz target for 20 seconds
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file fn; do \
		dir=$$(dirname "$$file"); fn=$${fn#func }; echo "fuzz: $$fn in $$dir"; \
		go -C "$$dir" test -run='^$$' -fuzz="^$$fn$$" -fuzztime=20s . </dev/null; done

bench: ## Measure, and write build/bench.json
	@echo "bench: building the servers it measures (about 5 min the first time)"
	@mkdir -p build
	cd test && go run ./bench -out "$(CURDIR)"/build/bench.json

generate: ## Write again what comes from the code: schema, reference, help texts
	@for m in $(MODULES); do echo "generate: $$m"; go -C $$m generate ./...; done

ci: ## What a change must pass: check, test, and generate without a difference
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code || { echo "ci: the tree differs: run make generate and commit what it writes" >&2; exit 1; }
	@new=$$(git ls-files --others --exclude-standard); if [ -n "$$new" ]; then \
		printf 'ci: files that are neither committed nor ignored:\n%s\n' "$$new" >&2; exit 1; fi
	@echo "ci: all passed"

clean: ## Remove build/
	rm -rf build

.PHONY: help demo build cluster fmt check test fuzz bench generate ci clean

$(BIN)/golangci-lint: tools/go.mod tools/go.sum
	@echo "building golangci-lint (1-2 min on an empty cache)"
	@go -C tools build -o "$(CURDIR)"/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(BIN)/workflowcheck: tools/go.mod tools/go.sum
	@echo "building workflowcheck"
	@go -C tools build -o "$(CURDIR)"/$@ go.temporal.io/sdk/contrib/tools/workflowcheck
	@touch $@
