#!/usr/bin/env bash
# Puts jose, the library that most JavaScript issuers sign tokens with, into target/jose: tests compare with it.
set -euo pipefail
cd "$(dirname "$0")/.."

version=6.2.13
package=target/jose/node_modules/jose/package.json
grep --quiet "\"version\": \"$version\"" "$package" 2>/dev/null && exit 0

mkdir -p target/jose
echo "getting jose $version"
npm install --prefix target/jose --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "jose@$version" >/dev/null
