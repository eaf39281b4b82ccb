#!/usr/bin/env bash
# Runs all tests: with cargo-nextest where it is installed, with cargo's own runner elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked "$@"
    cargo test --workspace --locked --doc --quiet
elif [[ $# -gt 0 ]]; then
    cargo test --workspace --locked --no-fail-fast "$@"
else
    # As .config/nextest.toml has it: what measures memory or makes load comes last, one at a time.
    failed=0
    cargo test --workspace --locked --no-fail-fast -- --skip a_gib_ --skip under_load || failed=1
    cargo test --workspace --locked --no-fail-fast --test e2e -- --test-threads 1 a_gib_ under_load || failed=1
    exit $failed
fi
