#!/bin/sh
# Creates the database cluster on the first start, then becomes the server. It follows the official
# image's environment: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS, PGDATA.
# It never changes the owner of a file: the container runs as the data folder's owner from the start.
set -eu

fail() {
    echo "postgres: $1" >&2
    exit 1
}

[ "${1:-}" = postgres ] || exec "$@"

major=$(postgres --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
superuser=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$superuser}
staging=$PGDATA/.initializing

create_cluster() {
    [ -n "${POSTGRES_PASSWORD:-}" ] ||
        fail "POSTGRES_PASSWORD is empty; a new database needs the superuser's password"
    rm -rf "$staging"
    # The options are a list of words, as in the official image.
    # shellcheck disable=SC2086
    printf '%s\n' "$POSTGRES_PASSWORD" | initdb --pgdata="$staging" --username="$superuser" \
        --pwfile=/dev/stdin --encoding=UTF8 --auth=scram-sha-256 --data-checksums \
        --set=listen_addresses='*' ${POSTGRES_INITDB_ARGS:-} >&2 ||
        fail "initdb failed in $PGDATA; the lines above say why"
    echo "host all all all scram-sha-256" >>"$staging/pg_hba.conf"
    if [ "$database" != postgres ]; then
        quoted=$(printf '%s' "$database" | sed 's/"/""/g')
        echo "CREATE DATABASE \"$quoted\"" | postgres --single -j -D "$staging" postgres >&2 ||
            fail "database $database cannot be created; the lines above say why"
    fi
    touch "$staging/.complete"
}

# An interrupted first start leaves either an unfinished staging folder, which is made anew, or a
# finished one, whose move goes on. PG_VERSION moves last: where it is, the cluster is whole.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    [ -w "$PGDATA" ] || fail "$PGDATA cannot be written by uid $(id -u); give the volume to it"
    chmod 0700 "$PGDATA" || fail "$PGDATA must belong to uid $(id -u)"
    if [ ! -e "$staging/.complete" ]; then
        foreign=$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name .initializing ! -name lost+found -print -quit)
        [ -z "$foreign" ] || fail "$PGDATA holds files but no database ($foreign); empty it or mount another volume"
        create_cluster
    fi
    find "$staging" -mindepth 1 -maxdepth 1 ! -name PG_VERSION ! -name .complete \
        -exec mv -t "$PGDATA" {} +
    sync
    mv "$staging/PG_VERSION" "$PGDATA/PG_VERSION"
    rm -rf "$staging"
fi
rm -rf "$staging"

found=$(cat "$PGDATA/PG_VERSION")
[ "$found" = "$major" ] ||
    fail "$PGDATA was written by PostgreSQL $found and this image is $major; restore a dump or run pg_upgrade"

unset POSTGRES_PASSWORD
shift
# Since 17.12 an output plugin must be named before a replication slot may use it; the options given
# to the container come later and win.
exec postgres -c output_plugin_libraries=pgoutput,test_decoding,wal2json "$@"
