#!/bin/bash
# Runs Envoy and lets requests that are under way end before it stops: on its own, Envoy drops
# them at SIGTERM. Arguments: the configuration file, the admin port, the seconds to wait; with TLS
# also the folder where certificate and key are renewed, and the one that Envoy reads them from.
set -u
configuration=$1 admin_port=$2 drain_seconds=$3 renewed=${4-} taken=${5-}

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

# Puts certificate and key where Envoy reads them, both in one move, when they are not there yet.
# Envoy keeps what it has where a pair does not fit, as when only one of them has been written.
take_certificate() {
  cmp --silent "$renewed/chain.pem" "$taken/current/chain.pem" &&
    cmp --silent "$renewed/key.pem" "$taken/current/key.pem" && return
  local next
  next=$(mktemp --directory "$taken/XXXXXXXX") || return
  if ! cp "$renewed/chain.pem" "$renewed/key.pem" "$next"; then
    rm --recursive --force "$next"
    return
  fi
  local last
  last=$(readlink "$taken/current")
  ln --symbolic --no-target-directory "${next##*/}" "$next.link"
  mv --no-target-directory "$next.link" "$taken/current"
  rm --recursive --force "${taken:?}/${last:-none}"
}

follow_certificate() {
  while sleep 2; do take_certificate; done
}

if [[ $renewed ]]; then
  mkdir --parents --mode=0700 "$taken"
  take_certificate
  follow_certificate &
fi

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
