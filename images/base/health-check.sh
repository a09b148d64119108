#!/bin/bash
# Health check that sees a start at once and costs little afterwards:
#
#   health-check REST LIMIT COMMAND...
#
# An engine checks at one interval for as long as a container runs (those before 25 have no other
# for the start), and each check starts processes. So it is told to check every second, and this
# waits: once COMMAND has succeeded, REST seconds before it runs again; after a failure not at all.
# Exits 0 where COMMAND succeeds within LIMIT seconds, otherwise 1, as the engine wants it.
rest=${1:?usage: health-check REST LIMIT COMMAND...}
limit=${2:?usage: health-check REST LIMIT COMMAND...}
shift 2
# In memory, and gone when the container stops.
succeeded=/dev/shm/health-check-succeeded

# Without the engine's streams: it would wait for their end where it gives this check up.
[ ! -e "$succeeded" ] || sleep "$rest" >&- 2>&-
if timeout "$limit" "$@"; then
    : >"$succeeded"
else
    rm -f "$succeeded"
    exit 1
fi
