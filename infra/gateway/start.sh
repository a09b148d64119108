#!/bin/bash
# Runs Envoy and lets requests that are under way end before it stops: on its own, Envoy drops
# them at SIGTERM. Arguments: the configuration file, the admin port, the seconds to wait.
set -u
configuration=$1 admin_port=$2 drain_seconds=$3

ask_admin() { # method and path
  exec 3<>"/dev/tcp/127.0.0.1/$admin_port" || return
  printf '%s %s HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n' \
    "$1" "$2" >&3
  cat <&3
  exec 3>&-
}

requests_under_way() {
  ask_admin GET '/stats?filter=^http.public.downstream_rq_active$' |
    grep --quiet 'downstream_rq_active: [1-9]'
}

drain() {
  trap '' TERM INT
  ask_admin POST '/drain_listeners?graceful&skip_exit' >/dev/null
  for ((waited = 0; waited < drain_seconds * 10; waited++)); do
    requests_under_way || break
    sleep 0.1
  done
  kill -TERM "$envoy"
}

envoy --config-path "$configuration" --disable-hot-restart --log-level warning --file-flush-interval-msec 1000 \
  --drain-strategy immediate --drain-time-s "$drain_seconds" &
envoy=$!
trap drain TERM INT
wait "$envoy"
status=$?
if ! kill -0 "$envoy" 2>/dev/null; then
  exit "$status" # Envoy ended by itself.
fi
wait "$envoy" # The signal ended the first wait; the trap has told Envoy to stop.
