#!/usr/bin/env bash
# Puts graphql-js, the reference implementation that tests compare with, into target/node.
set -euo pipefail
cd "$(dirname "$0")/.."

version=16.11.0
package=target/node/node_modules/graphql/package.json
grep --quiet "\"version\": \"$version\"" "$package" 2>/dev/null && exit 0

mkdir -p target/node
echo "getting graphql-js $version"
npm install --prefix target/node --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "graphql@$version" >/dev/null
