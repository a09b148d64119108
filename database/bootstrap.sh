#!/usr/bin/env bash
# Brings one PostgreSQL database to the state that the platform needs: applies the migrations that
# are new, then the settings that come from the environment. Running it again changes nothing.
#
# Environment:
#   PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE   a superuser's connection, over TCP
#   PGSSLMODE                  disable (default), require, verify-ca or verify-full
#   ROLE_PASSWORD_<ROLE>       password of each role in LOGIN_ROLES: printable ASCII without blanks,
#                              32 characters or more
#   ROLE_PASSWORD_<ROLE>_ALTERNATE   the same for its alternate login; one of the two is enough. The
#                              login without a password is closed, and its sessions end
#   DATABASE_EXTENSIONS        extensions to have, separated by commas (default: none)
#   DATABASE_AUTO_RLS          true (default) or false: row-level security on for new public tables
#   DATABASE_WAIT_SECONDS      how long to wait for the server (default 60)
#
# Exit code 0, or 1 with a last line that says what is wrong. No secret is printed, passed as
# an argument, or sent to the server: PostgreSQL receives a SCRAM verifier made by psql.
set -euo pipefail
export LC_ALL=C
# One stream: a container's log keeps no order between two, and what went wrong must come last.
exec 2>&1

readonly LOGIN_ROLES=(authenticator auth_admin)
readonly MINIMUM_PASSWORD_LENGTH=32
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly folder

say() { printf 'db-bootstrap: %s\n' "$1"; }

fail() {
  printf 'db-bootstrap: %s\n' "$1" >&2
  exit 1
}

# The server's message in the file $1, without psql's prefix, on one line.
server_message() {
  sed -E -e '/^LINE [0-9]+:/,/\^/d' -e '/^[[:space:]]*\^?$/d' \
    -e 's/^psql:( <stdin>:[0-9]+:|<stdin>:[0-9]+:)? *(error: *)?//' -e 's/^(ERROR|FATAL): +//' "$1" |
    paste -sd ' ' - | sed -E 's/[[:space:]]+/ /g'
}

# Runs the SQL on stdin as the superuser and prints its rows. $1 names the step in an error; the
# rest are psql arguments, such as -v name=value for values used as :'name' or :"name".
query() {
  local step=$1
  shift
  psql -XqAt -w -v ON_ERROR_STOP=1 "$@" -f - 2>"$work/error" ||
    fail "$step: $(server_message "$work/error")"
}

# ---- What is asked for, checked before the server is touched ----

for name in PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE; do
  [[ -n ${!name:-} ]] || fail "$name is not set; it is needed to connect as superuser"
done
[[ $PGHOST != /* ]] || fail 'PGHOST: give a host name or address, not a socket folder'

password_variable() { printf 'ROLE_PASSWORD_%s' "${1^^}"; }

logins=()
for role in "${LOGIN_ROLES[@]}"; do
  logins+=("$role" "${role}_alternate")
  name=$(password_variable "$role")
  alternate=${name}_ALTERNATE
  [[ -n ${!name:-}${!alternate:-} ]] || fail "$name is not set; give role $role a password"
done
known_variables=' '
for login in "${logins[@]}"; do
  name=$(password_variable "$login")
  known_variables+="$name "
  password=${!name:-}
  [[ -n $password ]] || continue
  ((${#password} >= MINIMUM_PASSWORD_LENGTH)) ||
    fail "$name is too short (${#password} characters); use $MINIMUM_PASSWORD_LENGTH or more"
  [[ $password != *[![:graph:]]* ]] ||
    fail "$name: only printable ASCII characters without blanks are allowed"
done
unset password
for name in "${!ROLE_PASSWORD_@}"; do
  [[ $known_variables == *" $name "* ]] ||
    fail "$name names no role; known are:${known_variables% }"
done

auto_rls=${DATABASE_AUTO_RLS:-true}
[[ $auto_rls == true || $auto_rls == false ]] ||
  fail "DATABASE_AUTO_RLS is '$auto_rls'; use true or false"

extensions=${DATABASE_EXTENSIONS:-}
extensions=${extensions//[[:blank:]]/}
[[ $extensions =~ ^([a-z0-9_-]+(,[a-z0-9_-]+)*)?$ ]] ||
  fail "DATABASE_EXTENSIONS is '$extensions'; use names separated by commas"

wait_seconds=${DATABASE_WAIT_SECONDS:-60}
[[ $wait_seconds =~ ^[0-9]{1,4}$ ]] ||
  fail "DATABASE_WAIT_SECONDS is '$wait_seconds'; use a whole number of seconds"

export PGSSLMODE=${PGSSLMODE:-disable} # dbmate's driver and psql have different defaults
[[ $PGSSLMODE =~ ^(disable|require|verify-ca|verify-full)$ ]] ||
  fail "PGSSLMODE is '$PGSSLMODE'; use disable, require, verify-ca or verify-full"
export PGCONNECT_TIMEOUT=5

work=$(mktemp -d)
readonly work
trap 'rm -rf "$work"' EXIT

# ---- Wait for the server ----

deadline=$((SECONDS + wait_seconds))
until pg_isready -q -t 2; do
  ((SECONDS < deadline)) ||
    fail "no PostgreSQL server answers at $PGHOST:$PGPORT after $wait_seconds s; see that container's log"
  sleep 0.3
done
query "cannot connect to database $PGDATABASE at $PGHOST:$PGPORT as $PGUSER" >"$work/server" <<'SQL'
select current_setting('server_version'), rolsuper from pg_roles where rolname = current_user;
SQL
IFS='|' read -r server_version is_superuser <"$work/server"
[[ $is_superuser == t ]] || fail "PGUSER: $PGUSER is not a superuser; the bootstrap needs one"
say "connected to PostgreSQL $server_version, database $PGDATABASE"

missing=$(
  query 'DATABASE_EXTENSIONS' -v wanted="$extensions" <<'SQL'
select string_agg(name, ', ')
from unnest(string_to_array(:'wanted', ',')) as name
where name not in (select name from pg_available_extensions);
SQL
)
[[ -z $missing ]] || fail "DATABASE_EXTENSIONS: the PostgreSQL image does not have: $missing"

# ---- Migrations ----

url_encode() {
  local text=$1 character index
  for ((index = 0; index < ${#text}; index++)); do
    character=${text:index:1}
    case $character in
      [A-Za-z0-9._~-]) printf '%s' "$character" ;;
      *) printf '%%%02X' "'$character" ;;
    esac
  done
}

url_host=$PGHOST
[[ $PGHOST != *:* ]] || url_host="[$PGHOST]" # IPv6
DATABASE_URL="postgres://$(url_encode "$PGUSER"):$(url_encode "$PGPASSWORD")@$url_host:$PGPORT"
DATABASE_URL+="/$(url_encode "$PGDATABASE")?sslmode=$PGSSLMODE"
export DATABASE_URL # not an argument: arguments are visible to every process

migrated=0
dbmate --migrations-dir "$folder/migrations" --migrations-table plinth.schema_migrations \
  --no-dump-schema migrate >"$work/migrations" 2>&1 || migrated=$?
unset DATABASE_URL
# dbmate prints "Applying: <file>" before each migration and, newer versions, "Applied: …" after it.
mapfile -t applied < <(sed -n 's/^Applying: //p' "$work/migrations")
if ((migrated != 0)); then
  # The driver's own positions count from the "migrate:up" mark, not from the top of the file.
  message=$(sed -n 's/^Error: //p' "$work/migrations" | paste -sd ' ' - |
    sed -E -e 's/^(line: [0-9]+, column: [0-9]+, position: [0-9]+: )?pq: //' \
      -e 's/( at position [0-9:]+)? \([0-9A-Z]{5}\)$//')
  [[ -n $message ]] || message=$(tail -n 1 "$work/migrations")
  if ((${#applied[@]} > 0)); then
    failed=${applied[-1]}
    unset 'applied[-1]'
    for file in "${applied[@]}"; do say "migration $file: applied"; done
    fail "migration $failed failed and was rolled back: $message"
  fi
  fail "migrations: $message"
fi
for file in "${applied[@]}"; do say "migration $file: applied"; done
((${#applied[@]} > 0)) || say 'migrations: nothing new'

# ---- Settings from the environment ----

IFS=, read -ra extension_names <<<"$extensions"
for extension in "${extension_names[@]}"; do
  present=$(
    query "extension $extension" -v name="$extension" <<'SQL'
select count(*) from pg_extension where extname = :'name';
SQL
  )
  if ((present)); then
    say "extension $extension: unchanged"
    continue
  fi
  # An extension that insists on a schema of its own (pg_cron: pg_catalog) gets that one.
  query "extension $extension" -v name="$extension" <<'SQL'
select coalesce(max(version.schema), 'extensions') as schema
from pg_available_extensions as extension
join pg_available_extension_versions as version
  on version.name = extension.name and version.version = extension.default_version
where extension.name = :'name' \gset
set client_min_messages = warning;
create extension :"name" with schema :"schema" cascade;
SQL
  say "extension $extension: created"
done

enabled=$(
  query 'row-level security trigger' <<'SQL'
select evtenabled <> 'D' from pg_event_trigger where evtname = 'plinth_auto_rls';
SQL
)
case $auto_rls/$enabled in
  true/t | false/f) change=unchanged ;;
  true/f)
    query 'row-level security trigger' <<<'alter event trigger plinth_auto_rls enable;'
    change=changed
    ;;
  false/t)
    query 'row-level security trigger' <<<'alter event trigger plinth_auto_rls disable;'
    change=changed
    ;;
  *) fail 'row-level security trigger: event trigger plinth_auto_rls does not exist' ;;
esac
say "row-level security for new tables in public: $auto_rls ($change)"

# The settings of a role apply to who logs in as that very role: its alternate gets a copy of them.
query 'settings of alternate logins' -v roles="${LOGIN_ROLES[*]}" >/dev/null <<'SQL'
select set_config('plinth.roles', :'roles', false);
do $$
declare
  role name;
  login name;
  setting text;
begin
  foreach role in array string_to_array(current_setting('plinth.roles'), ' ') loop
    login := role || '_alternate';
    execute format('alter role %I reset all', login);
    for setting in
      select unnest(setconfig) from pg_db_role_setting
      where setrole = role::regrole and setdatabase = 0
    loop
      perform set_config(split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1), true);
      execute format('alter role %I set %s from current', login, split_part(setting, '=', 1));
    end loop;
    execute format('alter role %I set role = %L', login, role);
  end loop;
end
$$;
SQL

# True when the password signs the role in. require_auth keeps a server that asks for no password
# from passing for one that accepted it.
password_works() {
  PGUSER=$1 PGPASSWORD=$2 PGREQUIREAUTH=scram-sha-256 \
    psql -XqAt -w -c 'select' >/dev/null 2>&1
}

# psql's \password makes the SCRAM verifier on this side; it reads from stdin when there is no
# terminal, hence setsid. The statement with the verifier stays out of the server's log, whatever
# the server logs otherwise.
set_password() {
  printf '%s\n%s\n' "$2" "$2" |
    PGOPTIONS='-c log_statement=none -c log_min_error_statement=panic
      -c log_min_duration_statement=-1 -c log_min_duration_sample=-1 -c log_duration=off
      -c log_transaction_sample_rate=0 -c pgaudit.log=none
      -c password_encryption=scram-sha-256' \
      setsid --wait psql -Xq -w -v ON_ERROR_STOP=1 -c "\\password $1" >/dev/null 2>"$work/error" ||
    fail "password of $1: $(grep -E '^(ERROR|FATAL|psql:)' "$work/error" | head -n 1)"
}

# Whoever logged in with a password that is no longer accepted goes.
end_sessions() {
  query "sessions of $1" -v login="$1" >/dev/null <<'SQL'
select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = :'login';
SQL
}

for login in "${logins[@]}"; do
  name=$(password_variable "$login")
  # A role without a verifier is not tried: the refusal would stand in the server's log.
  verifier=$(
    query "password of $login" -v login="$login" <<'SQL'
select case when rolpassword like 'SCRAM-SHA-256$%' then 'scram'
  when rolpassword is null then 'none' else 'other' end
from pg_authid where rolname = :'login';
SQL
  )
  if [[ -z ${!name:-} ]]; then
    [[ $verifier != none ]] || continue
    query "password of $login" -v login="$login" <<<'alter role :"login" password null;'
    end_sessions "$login"
    say "password of $login: revoked"
  elif [[ $verifier == scram ]] && password_works "$login" "${!name}"; then
    say "password of $login: unchanged"
  else
    set_password "$login" "${!name}"
    [[ $verifier == none ]] || end_sessions "$login"
    say "password of $login: set"
  fi
done

say 'done'
