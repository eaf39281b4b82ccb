#!/usr/bin/env bash
# Makes sure that there is a redis-server for the tests, and no service that runs one.
#
# Debian's package redis-server starts a service when it is installed, and takes port 6379. But its program is only a
# link to one in redis-tools, which starts nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v redis-server >/dev/null && command -v redis-cli >/dev/null && exit 0

scripts/need.sh redis-cli=redis-tools redis-check-rdb=redis-tools
mkdir -p target/tools/bin
ln -sf "$(command -v redis-check-rdb)" target/tools/bin/redis-server
redis-server --version >/dev/null
