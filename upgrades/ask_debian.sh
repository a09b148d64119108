# Runs in the base image: what the Debian mirror that builds use has newer than what is pinned.
#
#   sh -c SCRIPT sh PACKAGE PINNED SUITE …
#
# Prints `package PACKAGE VERSION` for each newer version, the newest first; `unknown PACKAGE` for
# one that the suite does not have; and `release NAME CODENAME VERSION` for the base image's suite and
# for `stable`.
set -eu

sources=/etc/apt/sources.list
mirror=$(sed -n '1s/^deb \([^ ]*\) .*/\1/p' $sources)
own_suite=$(sed -n '1s/^deb [^ ]* \([^ ]*\) .*/\1/p' $sources)

release() {
    /usr/lib/apt/apt-helper download-file "$mirror/dists/$1/Release" "/tmp/$1" >&2
    awk -v asked="$1" '/^Codename:/ { name = $2 } /^Version:/ { version = $2 }
        END { print "release", asked, name, version }' "/tmp/$1"
}

release "$own_suite"
release stable

for suite in $(printf '%s\n' "$@" | awk 'NR % 3 == 0' | sort -u); do
    # As images/ferretdb/Dockerfile does.
    [ "$suite" = "$own_suite" ] || echo "deb [check-valid-until=no] $mirror $suite main" >>$sources
done
apt-get update -qq >&2

while [ $# -gt 0 ]; do
    apt-cache madison "$1" | awk -v suite="$3" \
        '{ split($6, part, "/"); if (part[1] == suite || index(part[1], suite "-") == 1) print $3 }' \
        >/tmp/versions
    [ -s /tmp/versions ] || echo "unknown $1"
    while read -r version; do
        ! dpkg --compare-versions "$version" gt "$2" || echo "package $1 $version"
    done </tmp/versions
    shift 3
done
