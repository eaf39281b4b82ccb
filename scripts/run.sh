#!/usr/bin/env bash
# The demo: the four stub services and the gateway, until Ctrl-C.
#
# Ends with 0 after Ctrl-C or SIGTERM, and with 1 where it could not start or
# something ended by itself. For its test, which runs beside others:
#
#   DEMO_CONFIG    the gateway's configuration
#   DEMO_PORTS     the six ports that this configuration has, in the order below
#   DEMO_BINARIES  a folder with the binaries; nothing is built then
#   DEMO_LOGS      a folder for the logs
set -euo pipefail
cd "$(dirname "$0")/.."

names=(gateway admin users orders products payments)
read -r -a ports <<<"${DEMO_PORTS:-8080 9090 7001 7002 7003 7004}"
[[ ${#ports[@]} -eq ${#names[@]} ]] || { echo "DEMO_PORTS needs ports for: ${names[*]}" >&2; exit 1; }
read -r gateway_port admin_port users_port orders_port products_port payments_port <<<"${ports[*]}"
config=${DEMO_CONFIG:-config/glassgate.yaml}
binaries=${DEMO_BINARIES:-target/release}
logs=${DEMO_LOGS:-target/run}

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

if [[ -z ${DEMO_BINARIES:-} ]]; then
    cargo build --release --locked --package glassgate --package stub-services --bins
fi

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

services=()
for i in 2 3 4 5; do services+=("--${names[i]}-address" "127.0.0.1:${ports[i]}"); done
"$binaries/stub-services" all "${services[@]}" >"$logs/stub-services.log" 2>&1 &
stubs=$!
children=("$stubs")
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

services_answer() {
    local port
    for port in "${ports[@]:2}"; do answers "$port" /health || return 1; done
}

alive() { kill -0 "$1" 2>/dev/null; }

failed() {
    echo "$1; the end of $2:" >&2
    tail -n 20 "$2" >&2
    exit 1
}

deadline=$((SECONDS + 30))
in_time() { ((SECONDS < deadline)); }

# First, so that the gateway's first health checks find them.
until (services_answer); do
    alive "$stubs" || failed "the stub services ended" "$logs/stub-services.log"
    in_time || failed "the stub services do not answer after 30 s" "$logs/stub-services.log"
    sleep 0.1
done

"$binaries/glassgate" run --config "$config" >"$logs/access.log" 2>"$logs/gateway.log" &
gateway=$!
children=("$gateway" "$stubs")
until (answers "$admin_port" /health/ready); do
    alive "$gateway" || failed "the gateway ended" "$logs/gateway.log"
    in_time || failed "the gateway is not ready after 30 s" "$logs/gateway.log"
    sleep 0.1
done

cat <<TEXT

Glassgate is ready.

  gateway   http://127.0.0.1:$gateway_port     GraphQL at /graphql
  admin     http://127.0.0.1:$admin_port     /metrics /health /config
  services  users $users_port, orders $orders_port, products $products_port, payments $payments_port
  logs      $logs/access.log, gateway.log, stub-services.log

Worth trying:

  curl -i http://127.0.0.1:$gateway_port/api/products/1

  TOKEN=\$(curl -s http://127.0.0.1:$gateway_port/api/login \\
    -d '{"email":"alan.abel.1@example.com","password":"demo"}' | cut -d '"' -f 4)

  curl -i http://127.0.0.1:$gateway_port/api/users/1 -H "Authorization: Bearer \$TOKEN"

  curl -s http://127.0.0.1:$gateway_port/graphql -H "Authorization: Bearer \$TOKEN" -H 'content-type: application/json' \\
    -d '{"query":"{ users(limit: 3) { name orders(first: 2) { total items { quantity product { name } } payment { status } } } }"}'

  curl -s http://127.0.0.1:$admin_port/metrics | grep http_server_request_duration_seconds_count

Ctrl-C stops everything.
TEXT

wait -n "$gateway" "$stubs" || true
alive "$gateway" || failed "the gateway ended" "$logs/gateway.log"
failed "the stub services ended" "$logs/stub-services.log"
