# Gamekeeper's targets. Bare make lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUILT   := $(shell git log -1 --format=%cI 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.built=$(BUILT)

# Pinned tools, apart from the dependencies of the server.
TOOL := go tool -modfile=.ci/tools/go.mod

FUZZTIME ?= 60s
SEEDS    ?= 1000
FROM     ?= 1
ARGS     ?=

# What check does, in this order; .ci/run does the same one by one.
CHECKS := vet format staticcheck vulnerabilities race fuzz-smoke long simulate bench-short compat

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/gamekeeper, static
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/gamekeeper .

.PHONY: run
run: build ## run a server on port 2181 with its data in ./data; ARGS="zoo.cfg" for another
	bin/gamekeeper server $(ARGS)

.PHONY: run-ensemble
run-ensemble: build ## run three servers on ports 2181 to 2183 with their data in ./data-ensemble
	tools/run-ensemble $(ARGS)

.PHONY: test
test: ## the quick tests; need Go alone
	go test ./...

.PHONY: check
check: $(CHECKS) ## everything that must hold before a change lands

.PHONY: checks
checks: # the names of what check does, for .ci/run
	@echo $(CHECKS)

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: format
format: ## list files that gofmt would change
	@files=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0r ls -d 2>/dev/null | xargs -r gofmt -l); \
	if [[ -n $$files ]]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi

.PHONY: staticcheck
staticcheck: ## staticcheck
	$(TOOL) staticcheck ./...

.PHONY: vulnerabilities
vulnerabilities: ## govulncheck
	.ci/vulnerabilities

.PHONY: race
race: ## the quick tests under the race detector, in random order; those of one goroutine that are long are shorter
	go test -race -short -shuffle=on -timeout=15m $$(go list ./... | grep -v /zab/simulation) # whose runs are one goroutine each

.PHONY: long
long: ## tests that take minutes: those named TestLong, built with the tag long
	go test -tags=long -run='^TestLong' -timeout=20m ./...

.PHONY: simulate
simulate: ## simulated ensembles of SEEDS (1000) seeds, from FROM (1) on
	SIMULATE_SEEDS=$(SEEDS) SIMULATE_FROM=$(FROM) go test -count=1 -timeout=12h -run='^TestSeeds$$' -v ./zab/simulation

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (60s)
	.ci/fuzz $(FUZZTIME)

.PHONY: fuzz-smoke
fuzz-smoke: ## every fuzz target for 3 seconds
	.ci/fuzz 3s

.PHONY: compat
compat: build ## real clients against Apache ZooKeeper, then against Gamekeeper; ARGS="--only kazoo"
	compat/run $(ARGS)

.PHONY: bench
bench: ## the benchmarks of the packages; ARGS="-bench Apply" for some
	go test -run='^$$' -bench=. -benchmem $(ARGS) ./...

.PHONY: bench-compare
bench-compare: build ## Gamekeeper beside Apache ZooKeeper, which it fetches; forty minutes; reports in bin/comparison
	bench/compare $(ARGS)

.PHONY: bench-short
bench-short: build ## the same in little, to see that it works
	COMPARE_SUITE=short COMPARE_OUT=bin/comparison-short bench/compare --rounds 1 --duration 500ms --warmup 200ms --preheat 0s --rest 0s --quiet $(ARGS)

.PHONY: cover
cover: ## coverage of the quick tests by function, and as a page in bin/cover.html
	@mkdir -p bin
	go test -coverprofile=bin/cover.out ./...
	go tool cover -func=bin/cover.out | tail -n 1
	go tool cover -html=bin/cover.out -o bin/cover.html

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
