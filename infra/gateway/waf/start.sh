#!/bin/bash
# Runs nginx and tells it to read its files again when the gateway has another address or the
# certificate is renewed: nginx looks names up once, when it reads them. Arguments: the folder of the
# files, the gateway's name, the seconds that requests under way have after a stop; with TLS also
# the folder where certificate and key are renewed.
set -u
files=$1 gateway=$2 drain_seconds=$3 renewed=${4-}
audit=/tmp/audit

# ModSecurity's own audit log names values that clients sent. It goes through a filter, and the pipe
# is held open here, so that nginx can write to it whatever becomes of the filter.
rm --force "$audit" /tmp/inspection /tmp/refusals
mkfifo --mode=0600 "$audit"
exec 3<>"$audit"
while :; do
  jq --unbuffered --compact-output --from-file "$files/audit.jq" <&3
  sleep 1
done &

address() { getent ahostsv4 "$gateway" | cut --delimiter=' ' --fields=1 | sort --unique; }

certificate() { [[ -z $renewed ]] || cat "$renewed/chain.pem" "$renewed/key.pem" 2>/dev/null | cksum; }

# nginx does not start while the gateway has no address, as after a restart of the engine.
while ! current=$(address) || [[ -z $current ]]; do sleep 0.5; done
shown=$(certificate)

# A pair that does not fit, as when only one of the files has been written, is refused, and nginx
# goes on with what it has.
follow() {
  local next
  while sleep 2; do
    next=$(address)
    if [[ -n $next && $next != "$current" ]] || [[ $(certificate) != "$shown" ]]; then
      current=${next:-$current} shown=$(certificate)
      kill -HUP "$nginx"
    fi
  done
}

drain() {
  trap '' TERM INT
  stopping=yes
  kill -QUIT "$nginx"
  { sleep "$drain_seconds" && kill -TERM "$nginx"; } 2>/dev/null &
}

nginx -e stderr -c "$files/nginx.conf" -g 'daemon off;' &
nginx=$! stopping=''
follow &
trap drain TERM INT
wait "$nginx"
status=$?
if [[ $stopping ]]; then
  wait "$nginx" # The signal ended the first wait; the trap has told nginx to stop.
  status=$?
fi
exit "$status"
