#!/bin/sh
# Makes the buckets that S3_BUCKETS names (separated by commas), then becomes the server: with the
# posix backend a bucket is a folder. An existing bucket stays as it is.
set -eu

fail() {
    echo "object store: $1" >&2
    exit 1
}

[ "${1:-}" = versitygw ] || exec "$@"
[ -n "${ROOT_ACCESS_KEY_ID:-}" ] || fail "ROOT_ACCESS_KEY_ID is empty; set the root account's access key"
[ -n "${ROOT_SECRET_ACCESS_KEY:-}" ] || fail "ROOT_SECRET_ACCESS_KEY is empty; set the root account's secret key"
[ -w /data ] || fail "/data cannot be written by uid $(id -u); give the volume to it"

for bucket in $(echo "${S3_BUCKETS:-}" | tr ',' ' '); do
    echo "$bucket" | grep -Eqx '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]' ||
        fail "S3_BUCKETS: '$bucket' is no bucket name; use 3 to 63 of a-z, 0-9, dot and hyphen"
    mkdir -p "/data/$bucket"
done
exec "$@"
