-- Attempts to give a password or a code, counted by auth so that guessing becomes slow. Not in
-- schema auth, whose tables are GoTrue's.

-- migrate:up
create schema auth_limits authorization auth_admin;

set local role auth_admin;

create table auth_limits.attempts (
  subject bytea not null,
  attempts integer not null,
  blocked_until timestamptz,
  expires_at timestamptz not null,
  constraint attempts_pkey primary key (subject)
);
comment on table auth_limits.attempts is
  'Attempts that have not succeeded; subject is a keyed hash of account and client address.';
create index attempts_expires_at_idx on auth_limits.attempts (expires_at);
alter table auth_limits.attempts enable row level security;

reset role;

-- migrate:down
drop schema auth_limits cascade;
