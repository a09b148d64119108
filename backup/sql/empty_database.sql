-- Takes everything out of the database, so that it is as a new one is. Runs within the transaction
-- that fills it again.
do $$
declare
  found record;
begin
  -- First: they would run for each of the commands below.
  for found in select evtname from pg_catalog.pg_event_trigger loop
    begin
      execute format('drop event trigger %I', found.evtname);
    exception when dependent_objects_still_exist then
      null; -- an extension's own: it goes with the extension
    end;
  end loop;
  for found in select pubname from pg_catalog.pg_publication loop
    execute format('drop publication %I', found.pubname);
  end loop;
  for found in select extname from pg_catalog.pg_extension where extname <> 'plpgsql' loop
    execute format('drop extension if exists %I cascade', found.extname);
  end loop;
  for found in select fdwname from pg_catalog.pg_foreign_data_wrapper loop
    execute format('drop foreign data wrapper %I cascade', found.fdwname);
  end loop;
  for found in
    select nspname from pg_catalog.pg_namespace
    where nspname not like 'pg\_%' and nspname <> 'information_schema'
  loop
    execute format('drop schema %I cascade', found.nspname);
  end loop;
  for found in select oid from pg_catalog.pg_largeobject_metadata loop
    perform pg_catalog.lo_unlink(found.oid);
  end loop;
end
$$;

-- A dump expects the schema that every new database has, with the privileges it has there.
create schema public authorization pg_database_owner;
comment on schema public is 'standard public schema';
grant usage on schema public to public;
