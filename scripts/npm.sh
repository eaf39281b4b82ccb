#!/usr/bin/env bash
# Puts a package of npm that tests compare with into target/FOLDER, unless it is there: npm.sh FOLDER PACKAGE VERSION
set -euo pipefail
cd "$(dirname "$0")/.."

folder=target/$1 package=$2 version=$3
grep --quiet "\"version\": \"$version\"" "$folder/node_modules/$package/package.json" 2>/dev/null && exit 0

mkdir -p "$folder"
echo "getting $package $version"
npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "$package@$version" >/dev/null
