-- Event triggers: row-level security on for new tables in public, and a reload of the REST API's
-- schema cache after a change. The functions live in plinth, which no API role can use; an event
-- trigger needs no privilege of the caller.

-- migrate:up
create schema if not exists plinth;

create function plinth.enable_row_level_security() returns event_trigger
  language plpgsql
  set search_path = ''
as $$
declare
  created record;
begin
  for created in
    select object_identity
    from pg_catalog.pg_event_trigger_ddl_commands()
    where schema_name = 'public' and object_type = 'table'
  loop
    execute format('alter table %s enable row level security', created.object_identity);
  end loop;
end
$$;
comment on function plinth.enable_row_level_security() is
  'Switches row-level security on for the tables that a command has created in public.';

-- The bootstrap enables or disables this trigger from DATABASE_AUTO_RLS.
create event trigger plinth_auto_rls
  on ddl_command_end
  when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
  execute function plinth.enable_row_level_security();

create function plinth.reload_rest_schema() returns event_trigger
  language plpgsql
  set search_path = ''
as $$
begin
  if tg_event = 'sql_drop' then
    perform from pg_catalog.pg_event_trigger_dropped_objects() where not is_temporary;
  else
    perform from pg_catalog.pg_event_trigger_ddl_commands()
    where schema_name is distinct from 'pg_temp';
  end if;
  if found then
    notify pgrst, 'reload schema';
  end if;
end
$$;
comment on function plinth.reload_rest_schema() is
  'Tells PostgREST, which listens on channel pgrst, to read the schema again.';

create event trigger plinth_rest_reload
  on ddl_command_end
  when tag in (
    'CREATE SCHEMA', 'ALTER SCHEMA',
    'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE',
    'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
    'CREATE VIEW', 'ALTER VIEW',
    'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW',
    'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE PROCEDURE', 'ALTER PROCEDURE',
    'CREATE TRIGGER', 'CREATE RULE',
    'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN',
    'COMMENT'
  )
  execute function plinth.reload_rest_schema();

create event trigger plinth_rest_reload_on_drop
  on sql_drop
  execute function plinth.reload_rest_schema();

-- migrate:down
drop event trigger plinth_rest_reload_on_drop;
drop event trigger plinth_rest_reload;
drop function plinth.reload_rest_schema();
drop event trigger plinth_auto_rls;
drop function plinth.enable_row_level_security();
