#!/bin/sh
# Builds the base image of every image in this folder out of Debian packages alone, for machines
# that reach a Debian mirror but no container registry.
#
#   build.sh TAG
#
# Environment: DEBIAN_MIRROR (default: debootstrap's own) and CA_DIRECTORY (default
# /usr/local/share/ca-certificates): the *.crt files there join the image's trust store, which
# package managers need behind a proxy that inspects TLS.
set -eu

suite=trixie
mirror=${DEBIAN_MIRROR:-}
ca_directory=${CA_DIRECTORY:-/usr/local/share/ca-certificates}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "base image: $1" >&2
    exit 1
}

[ $# -eq 1 ] || fail "one argument is needed: the tag of the image, as in build.sh plinth/base:1"
tag=$1
[ "$(id -u)" -eq 0 ] || fail "debootstrap needs root; run this once as root (sudo $0 $tag)"
command -v debootstrap >/dev/null || fail "debootstrap is missing; install it: apt-get install debootstrap"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start it or set DOCKER_HOST"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
root=$work/root
log=$work/log

# A debootstrap older than the suite has no script of that name; sid's serves every later suite.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid

debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" "$script" \
    >"$log" 2>&1 || fail "debootstrap of $suite failed: $(tail -n 1 "$log")"

install -m 0644 "$here"/apt.conf "$root/etc/apt/apt.conf.d/80plinth"
install -m 0644 "$here"/dpkg.cfg "$root/etc/dpkg/dpkg.cfg.d/80plinth"
install -m 0755 "$here"/http-check.sh "$root/usr/local/bin/http-check"
install -m 0755 "$here"/health-check.sh "$root/usr/local/bin/health-check"
# The mirror that debootstrap used; it has the security suite beside the main one.
mirror=$(sed -n '1s/^deb \([^ ]*\) .*/\1/p' "$root/etc/apt/sources.list")
mirror=${mirror%/}
security_mirror=${DEBIAN_SECURITY_MIRROR:-${mirror%/debian}/debian-security}
cat >"$root/etc/apt/sources.list" <<SOURCES
deb $mirror $suite main
deb $mirror $suite-updates main
deb $security_mirror $suite-security main
SOURCES

for certificate in "$ca_directory"/*.crt; do
    [ -e "$certificate" ] || continue
    install -m 0644 "$certificate" "$root/usr/local/share/ca-certificates/"
done
chroot "$root" update-ca-certificates >"$log" 2>&1 ||
    fail "the certificates in $ca_directory cannot be installed: $(tail -n 1 "$log")"

# Fixes published since the suite's last point release.
chroot "$root" sh -c 'apt-get update && apt-get -y upgrade && apt-get clean' >"$log" 2>&1 ||
    fail "security updates from $security_mirror failed: $(tail -n 1 "$log")"

# dpkg.cfg keeps these out of later packages; here they are removed from debootstrap's own.
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/* "$root"/var/log/* "$root"/tmp/*
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/machine-id"

tar -C "$root" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
    docker import \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'ENV LANG=C.UTF-8' \
        --change 'CMD ["bash"]' \
        --change "LABEL org.opencontainers.image.base.name=debian:$suite" \
        - "$tag" >"$log" 2>&1 || fail "docker import failed: $(tail -n 1 "$log")"
