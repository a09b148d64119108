#!/bin/bash
# Runs Kong and has it read certificate and key again when newer ones are there. Arguments: the
# folder where they are renewed, and the command that runs Kong.
set -u
renewed=$1
shift

digest() {
  cat "$renewed/chain.pem" "$renewed/key.pem" | cksum
}

# Kong goes on with what it has where a pair does not fit, as when only one file has been written:
# the reload fails then, and is tried again.
follow_certificate() {
  local known found
  known=$(digest)
  while sleep 2; do
    found=$(digest)
    if [[ $found != "$known" ]] && kong reload >/dev/null; then
      known=$found
    fi
  done
}

follow_certificate &
exec "$@"
