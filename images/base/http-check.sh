#!/bin/bash
# Health check over plain HTTP without a client program: `http-check http://HOST[:PORT][/PATH]`
# exits 0 on a 2xx answer and prints the status line (or why there is none) otherwise. The time
# limit is the container's health check timeout.
url=${1:?usage: http-check http://HOST[:PORT][/PATH]}
address=${url#http://}
host_and_port=${address%%/*}
path=/${address#"$host_and_port"}
path=${path/#\/\//\/}
host=${host_and_port%%:*}
port=${host_and_port#"$host"}
port=${port#:}

exec 3<>"/dev/tcp/$host/${port:-80}" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$path" "$host_and_port" >&3
IFS= read -r status <&3 || { echo "no answer from $url"; exit 1; }
case $status in
    "HTTP/1."[01]" 2"[0-9][0-9]*) exit 0 ;;
    *) echo "${status%$'\r'}"; exit 1 ;;
esac
