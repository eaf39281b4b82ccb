#!/usr/bin/env bash
# Runs all tests: with cargo-nextest where it is installed, with cargo's own runner elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked "$@"
    cargo test --workspace --locked --doc --quiet
else
    cargo test --workspace --locked --no-fail-fast "$@"
fi
