#!/bin/sh
# Makes the buckets that S3_BUCKETS names (separated by commas), then becomes the server: with the
# posix backend a bucket is a folder. An existing bucket stays as it is. A second account that may do
# the same can be given as PREVIOUS_ACCESS_KEY_ID and PREVIOUS_SECRET_ACCESS_KEY.
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

if [ -n "${PREVIOUS_ACCESS_KEY_ID:-}" ]; then
    for value in "$PREVIOUS_ACCESS_KEY_ID" "${PREVIOUS_SECRET_ACCESS_KEY:-}"; do
        # They are written into a JSON text as they are.
        echo "$value" | grep -Eqx '[^"\\[:cntrl:]]+' ||
            fail "PREVIOUS_ACCESS_KEY_ID, PREVIOUS_SECRET_ACCESS_KEY: give both, without quotes or backslashes"
    done
    VGW_IAM_DIR=$(mktemp -d) # nobody else may read it
    export VGW_IAM_DIR
    printf '{"accessAccounts":{"%s":{"access":"%s","secret":"%s","role":"admin"}}}' \
        "$PREVIOUS_ACCESS_KEY_ID" "$PREVIOUS_ACCESS_KEY_ID" "$PREVIOUS_SECRET_ACCESS_KEY" \
        >"$VGW_IAM_DIR/users.json"
fi
unset PREVIOUS_SECRET_ACCESS_KEY
exec "$@"
