#!/usr/bin/env bash
# The demo: the four stub services and the gateway, until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

names=(gateway admin users orders products payments)
ports=(8080 9090 7001 7002 7003 7004)

listens() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

taken=false
for i in "${!ports[@]}"; do
    if listens "${ports[i]}"; then
        echo "port ${ports[i]} (${names[i]}) is taken: stop what listens there;" \
            "\`ss -ltnp 'sport = :${ports[i]}'\` shows what it is." >&2
        taken=true
    fi
done
$taken && exit 1

cargo build --release --locked --package glassgate --package stub-services --bins

logs=target/run
mkdir -p "$logs"

# With job control each child has its own process group: Ctrl-C reaches only
# this script, which then stops them in order, the gateway first.
set -m
children=()
stop() {
    trap - EXIT INT TERM
    for child in "${children[@]}"; do
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
}
trap stop EXIT
trap 'echo; echo "stopping"; stop; exit 0' INT TERM

target/release/stub-services all >"$logs/stub-services.log" 2>&1 &
stubs=$!
children=("$stubs")
target/release/glassgate run --config config/glassgate.yaml >"$logs/access.log" 2>"$logs/gateway.log" &
gateway=$!
children=("$gateway" "$stubs")

# Whether GET $2 on port $1 is answered with 200; curl may not be installed.
answers() {
    local status
    {
        exec 3<>"/dev/tcp/127.0.0.1/$1" &&
            printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3 &&
            read -r -t 5 status <&3
        exec 3>&-
    } 2>/dev/null
    [[ ${status:-} == *" 200 "* ]]
}

ready() {
    local port
    for port in 7001 7002 7003 7004; do answers "$port" /health || return 1; done
    answers 9090 /health/ready
}

alive() { kill -0 "$1" 2>/dev/null; }

failed() {
    echo "$1; the end of $2:" >&2
    tail -n 20 "$2" >&2
    exit 1
}

deadline=$((SECONDS + 30))
until (ready); do
    alive "$stubs" || failed "the stub services ended" "$logs/stub-services.log"
    alive "$gateway" || failed "the gateway ended" "$logs/gateway.log"
    ((SECONDS < deadline)) || failed "the gateway is not ready after 30 s" "$logs/gateway.log"
    sleep 0.1
done

cat <<'TEXT'

Glassgate is ready.

  gateway   http://127.0.0.1:8080     GraphQL at /graphql
  admin     http://127.0.0.1:9090     /metrics /health /config
  services  users 7001, orders 7002, products 7003, payments 7004
  logs      target/run/access.log, gateway.log, stub-services.log

Worth trying:

  curl -i http://127.0.0.1:8080/api/users/1

  curl -s http://127.0.0.1:8080/graphql -H 'content-type: application/json' \
    -d '{"query":"{ users(limit: 3) { name orders(first: 2) { total items { quantity product { name } } payment { status } } } }"}'

  curl -s http://127.0.0.1:9090/metrics | grep http_server_request_duration_seconds_count

Ctrl-C stops everything.
TEXT

wait -n "$gateway" "$stubs" || true
alive "$gateway" || failed "the gateway ended" "$logs/gateway.log"
failed "the stub services ended" "$logs/stub-services.log"
