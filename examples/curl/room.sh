#!/usr/bin/env bash
# OmenDB with curl: write, query, export, delete.
# Run it:  npx omendb serve &   then   bash examples/curl/room.sh   (OMENDB_URL, OMENDB_TOKEN)
set -euo pipefail
url=${OMENDB_URL:-http://127.0.0.1:8080}
call() { curl --silent --show-error --fail-with-body ${OMENDB_TOKEN:+-H "Authorization: Bearer $OMENDB_TOKEN"} "$@"; echo; }

# Line protocol, as InfluxDB's clients send it; the table comes into being with its first point.
call "$url/v1/write?precision=s" --data-binary '
example_room,floor=1 temperature=21.5 1790000000
example_room,floor=2 temperature=19.25 1790000000
example_room,floor=1 temperature=21.75 1790000060'

# The mean of each minute and floor.
call "$url/v1/query" -d '{"table":"example_room","select":{"mean":"mean(temperature)"},"by":["floor"],"every":"1m"}'

# The newest point of each series, by a URL that a browser can open.
call "$url/v1/latest?table=example_room"

# All rows as CSV, streamed.
call "$url/v1/export?table=example_room&format=csv"

# And away with it.
call -X DELETE "$url/v1/tables/example_room"
