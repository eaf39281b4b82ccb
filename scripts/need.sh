#!/usr/bin/env bash
# Makes sure that commands exist, with Debian's packages where they do not.
#
#   scripts/need.sh cmake=cmake wrk=wrk            installs packages
#   scripts/need.sh --unpack promtool=prometheus   only unpacks them into target/tools
#
# Unpacking is for packages that would start a service when installed:
# Debian's prometheus takes port 9090, its nginx port 80.
set -euo pipefail
cd "$(dirname "$0")/.."

unpack=false
[[ ${1:-} == --unpack ]] && { unpack=true; shift; }

missing=()
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("$pair")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

commands=("${missing[@]%%=*}")
packages=("${missing[@]#*=}")

if ! command -v apt-get >/dev/null; then
    echo "missing: ${commands[*]}. There is no apt-get here to install them with:" \
        "install them with this system's package manager (on Debian: ${packages[*]}), then try again." >&2
    exit 1
fi

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "missing: ${commands[*]}. Installing needs root: run 'apt-get install ${packages[*]}' as root," \
            "then try again." >&2
        exit 1
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    "$@" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
}

# The lists of a fresh container are empty, those of an old machine name files that are gone.
refresh() {
    quietly as_root apt-get update
}

install() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${packages[@]}"
}

fetch() {
    local tools=$PWD/target/tools pair command package
    mkdir -p "$tools/bin"
    for pair in "${missing[@]}"; do
        command=${pair%%=*} package=${pair#*=}
        (cd "$tools" && rm -f "$package"_*.deb && quietly apt-get download "$package") || return 1
        dpkg-deb --extract "$tools/$package"_*.deb "$tools/$package"
        rm "$tools/$package"_*.deb
        ln -sf "$(find "$tools/$package" -path "*bin/$command" -type f | head -n 1)" "$tools/bin/$command"
        "$tools/bin/$command" --version >/dev/null 2>&1 || "$tools/bin/$command" -v >/dev/null 2>&1 || {
            echo "$command was unpacked from Debian's $package, but does not run here" >&2
            return 1
        }
    done
}

get=install
$unpack && get=fetch
echo "getting ${packages[*]} (for ${commands[*]})"
$get 2>/dev/null || { refresh && $get; }
