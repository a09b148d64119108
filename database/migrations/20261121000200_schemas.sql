-- Schemas, and what the API roles may do with objects that are created in public later on.

-- migrate:up
create schema if not exists extensions;
grant usage on schema extensions to anon, authenticated, service_role;

revoke all on schema public from public;
grant usage on schema public to anon, authenticated, service_role;

-- Row-level security decides which rows anon and authenticated reach. It does not cover TRUNCATE,
-- and REFERENCES and TRIGGER are of no use to a request, so those are not granted to them.
alter default privileges in schema public
  grant select, insert, update, delete on tables to anon, authenticated;
alter default privileges in schema public grant all on tables to service_role;
alter default privileges in schema public
  grant usage, select on sequences to anon, authenticated;
alter default privileges in schema public grant all on sequences to service_role;
alter default privileges in schema public
  grant execute on functions to anon, authenticated, service_role;

-- migrate:down
alter default privileges in schema public
  revoke execute on functions from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated;
alter default privileges in schema public revoke all on tables from service_role;
alter default privileges in schema public revoke all on tables from anon, authenticated;
revoke usage on schema public from anon, authenticated, service_role;
grant usage on schema public to public;
drop schema extensions;
