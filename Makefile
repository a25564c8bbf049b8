# The two commands: `make run` and `make test`. Both do all set-up themselves.

SHELL := /bin/bash
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# Where the playground lives; `make run STATE=/elsewhere`.
STATE ?= $(HOME)/.local/state/evenkeel-playground
TARGET := $(or $(CARGO_TARGET_DIR),target)
EVENKEEL := $(TARGET)/release/evenkeel

.PHONY: help run reset build test sim lint deny setup setup-test

help: ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: build ## set up, build, and start the playground: three environments on this machine
	@exec $(EVENKEEL) --state "$(STATE)" playground

reset: build ## forget the playground
	@$(EVENKEEL) --state "$(STATE)" playground --reset

build: setup ## build the release binary
	cargo build --release --locked -p evenkeel

test: setup-test ## set up, then every test; with root also on real Debian servers
	@scripts/test.sh

sim: setup-test ## the engine under the simulator: `make sim SEEDS=10000 FIRST=0`
	EVENKEEL_SIM_SEEDS=$(or $(SEEDS),10000) EVENKEEL_SIM_FIRST=$(or $(FIRST),0) \
		cargo test --release --locked -p evenkeel-engine --test sim -- --nocapture

bench: setup-test ## 100 files on 1 and 8 real servers, next to the floor; needs root
	cargo bench --locked -p evenkeel-tests --bench converge

lint: setup-test ## format and clippy alone
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## licences and advisories of all dependencies (with cargo-deny installed)
	cargo deny check

setup: ## install what building and running needs, where it is missing
	@scripts/setup.sh run

setup-test: ## and what the tests need
	@scripts/setup.sh test
