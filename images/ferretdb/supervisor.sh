#!/bin/bash
# Runs PostgreSQL and FerretDB as one component: PostgreSQL listens on a socket in the container only,
# FerretDB on port 27017 with authentication. When either ends, the other is stopped and the container
# ends. Environment as of the official mongo image: MONGO_INITDB_ROOT_USERNAME and
# MONGO_INITDB_ROOT_PASSWORD; and, where a second root user is wanted, MONGO_PREVIOUS_ROOT_USERNAME and
# MONGO_PREVIOUS_ROOT_PASSWORD. Root users follow the environment at every start, so that a rotation
# needs no command of its own: one that is no longer named loses its password.
set -euo pipefail

readonly sockets=/var/run/postgresql
readonly staging=$PGDATA/.initializing

say() { printf 'ferretdb: %s\n' "$1" >&2; }

fail() {
    say "$1"
    exit 1
}

username=${MONGO_INITDB_ROOT_USERNAME:-}
password=${MONGO_INITDB_ROOT_PASSWORD:-}
previous_username=${MONGO_PREVIOUS_ROOT_USERNAME:-}
previous_password=${MONGO_PREVIOUS_ROOT_PASSWORD:-}
unset MONGO_INITDB_ROOT_PASSWORD MONGO_PREVIOUS_ROOT_PASSWORD
readonly name_pattern='^[A-Za-z_][A-Za-z0-9_]{0,62}$'
[[ $username =~ $name_pattern ]] ||
    fail "MONGO_INITDB_ROOT_USERNAME: set a name of letters, digits and underscores"
[[ -n $password ]] || fail "MONGO_INITDB_ROOT_PASSWORD is empty; set the root user's password"
[[ -z $previous_username || $previous_username =~ $name_pattern ]] ||
    fail "MONGO_PREVIOUS_ROOT_USERNAME: set a name of letters, digits and underscores, or nothing"
[[ -z $previous_username || -n $previous_password ]] ||
    fail "MONGO_PREVIOUS_ROOT_PASSWORD is empty; set the second root user's password"
[[ -w $PGDATA ]] || fail "$PGDATA cannot be written by uid $(id -u); give the volume to it"

# Held by this container's processes until the last has ended.
exec 9>"$PGDATA/.supervisor.lock"
flock --nonblock 9 || fail "another container uses the volume at $PGDATA; stop that one first"
# A container that was killed leaves it, and here its process number may be another program's, which
# PostgreSQL would take for a server.
rm -f "$PGDATA/postmaster.pid"

# Only this container's processes reach the socket, and they all run as the same user: trust.
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    rm -rf "$staging"
    initdb --pgdata="$staging" --username=postgres --encoding=UTF8 --auth=trust --data-checksums \
        >/tmp/initdb.log 2>&1 || fail "initdb failed: $(tail -n 1 /tmp/initdb.log)"
    # PG_VERSION moves last: where it is, the cluster is whole.
    find "$staging" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    sync
    mv "$staging/PG_VERSION" "$PGDATA/PG_VERSION"
fi
rm -rf "$staging"

found=$(<"$PGDATA/PG_VERSION")
major=$(postgres --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
[[ $found == "$major" ]] ||
    fail "$PGDATA was written by PostgreSQL $found and this image is $major; dump and restore the data"

postgres_pid=
ferretdb_pid=
stop_all() {
    trap '' TERM INT
    if [[ -n $ferretdb_pid ]]; then
        kill -TERM "$ferretdb_pid" 2>/dev/null || true
        wait "$ferretdb_pid" || true
    fi
    if [[ -n $postgres_pid ]]; then
        kill -INT "$postgres_pid" 2>/dev/null || true # fast shutdown
        wait "$postgres_pid" || true
    fi
}
trap 'stop_all; exit 0' TERM INT

# DocumentDB makes some of its changes over a second connection to its own server, by default over TCP.
postgres -D "$PGDATA" \
    -c listen_addresses= \
    -c unix_socket_directories="$sockets" \
    -c shared_preload_libraries=pg_cron,pg_documentdb_core,pg_documentdb \
    -c cron.database_name=postgres \
    -c cron.use_background_workers=on \
    -c cron.log_run=off \
    -c documentdb.localhost_connection_string="host=$sockets" \
    -c log_checkpoints=off \
    ${FERRETDB_POSTGRES_OPTIONS:-} &
postgres_pid=$!

until pg_isready --quiet --host="$sockets" --username=postgres; do
    kill -0 "$postgres_pid" 2>/dev/null || fail "PostgreSQL did not start; the lines above say why"
    sleep 0.1
done

# On stdin, since arguments are visible to every process of the container.
ROOT_PASSWORD=$password PREVIOUS_PASSWORD=$previous_password \
    psql --host="$sockets" --username=postgres --dbname=postgres --no-psqlrc --quiet \
    --set=ON_ERROR_STOP=1 --set=username="$username" --set=previous="$previous_username" >/dev/null <<SQL || { stop_all; fail "the DocumentDB extension or the root users cannot be set up; the lines above say why"; }
SET client_min_messages = warning;
SET log_statement = 'none';
SET log_min_error_statement = panic;
CREATE EXTENSION IF NOT EXISTS documentdb CASCADE;
SELECT format('CREATE ROLE %I LOGIN SUPERUSER', name)
FROM unnest(ARRAY[:'username', :'previous']) AS name
WHERE name <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
\set password \`printf '%s' "\$ROOT_PASSWORD"\`
ALTER ROLE :"username" PASSWORD :'password';
\set password \`printf '%s' "\$PREVIOUS_PASSWORD"\`
SELECT format('ALTER ROLE %I PASSWORD %L', :'previous', :'password') WHERE :'previous' <> '' \gexec
-- Users that clients create are no superusers.
SELECT format('ALTER ROLE %I PASSWORD NULL', rolname) FROM pg_authid
WHERE rolsuper AND rolpassword IS NOT NULL AND rolname NOT IN (:'username', :'previous') \gexec
SQL

FERRETDB_POSTGRESQL_URL="postgres://postgres@/postgres?host=$sockets" ferretdb \
    --listen-addr=:27017 \
    --debug-addr=127.0.0.1:8088 \
    --state-dir=/tmp \
    --telemetry=disable \
    --log-level="${FERRETDB_LOG_LEVEL:-WARN}" &
ferretdb_pid=$!

status=0
wait -n "$postgres_pid" "$ferretdb_pid" || status=$?
say "a process ended unexpectedly (status $status); stopping"
stop_all
exit 1
