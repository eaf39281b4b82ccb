# Everything a newcomer needs; `make` alone lists it.
#
# Tools that the checks use are installed when they are missing, and only
# then. Nothing here starts a system service or needs Docker.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

# What `scripts/need.sh --unpack` fetched, and cargo where the shell's profile was not read.
export PATH := $(CURDIR)/target/tools/bin:$(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help run test check bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the demo: four stub services and the gateway; Ctrl-C stops them
	@scripts/need.sh cmake=cmake
	@scripts/run.sh

test: ## Run everything that must hold: format, lints, unit, end-to-end and tidy tests
	@scripts/need.sh cmake=cmake node=nodejs npm=npm
	@scripts/need.sh --unpack promtool=prometheus
	@scripts/redis.sh
	@scripts/npm.sh node graphql 16.11.0
	@scripts/npm.sh jose jose 6.2.13
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	cargo build --workspace --all-targets --locked
	@scripts/cargo-test.sh

check: ## Check format and lints only
	@scripts/need.sh cmake=cmake
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: ## Measure against a bare Pingora proxy and nginx; options: make bench ARGS="--rounds 5"
	@scripts/need.sh cmake=cmake wrk=wrk
	@scripts/redis.sh
	@scripts/need.sh --unpack nginx=nginx
	cargo build --release --locked --package glassgate --package stub-services --package bench --bins
	@target/release/bench $(ARGS)
