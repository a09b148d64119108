-- Roles and who may connect. Passwords are not set here: the bootstrap does it on every run, so a
-- rotation needs no migration. Roles belong to the whole server and outlive a dropped database;
-- hence each is created only when absent.
--
-- supabase_admin and supabase_auth_admin are left out on purpose: no image of the core profile
-- asks for them (GoTrue signs in as whatever role its DATABASE_URL names). The migration of a
-- service whose upstream image does ask for one adds it.

-- migrate:up
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'),
      ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit'),
      ('auth_admin', 'login noinherit')
    ) as role (name, attributes)
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
      execute format('create role %I', wanted.name);
    end if;
    execute format(
      'alter role %I with nosuperuser nocreatedb nocreaterole noreplication %s',
      wanted.name, wanted.attributes
    );
  end loop;
end
$$;

comment on role anon is 'Requests without a user.';
comment on role authenticated is 'Requests of a signed-in user.';
comment on role service_role is 'Trusted server-side requests: row-level security does not apply.';
comment on role authenticator is 'Signs in for the REST API and becomes one of the three above.';
comment on role auth_admin is 'Signs in for the auth service and owns schema auth.';

grant anon, authenticated, service_role to authenticator;

-- A runaway request must not hold a connection or a lock for ever. PostgREST applies the setting
-- of the role that a request becomes; service_role keeps the authenticator's.
alter role anon set statement_timeout = '8s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '30s';
alter role authenticator set lock_timeout = '8s';
alter role authenticator set idle_in_transaction_session_timeout = '60s';
alter role auth_admin set idle_in_transaction_session_timeout = '60s';
-- The auth service names its tables without a schema, as GoTrue does.
alter role auth_admin set search_path = auth;

-- PUBLIC may connect to and create temporary tables in every database unless told otherwise.
do $$
declare
  existing name;
begin
  for existing in select datname from pg_catalog.pg_database where datname <> 'template0' loop
    execute format('revoke connect, temporary on database %I from public', existing);
  end loop;
  execute format(
    'grant connect on database %I to authenticator, auth_admin', current_database()
  );
  execute format(
    'alter database %I set search_path = "$user", public, extensions', current_database()
  );
end
$$;

-- migrate:down
do $$
begin
  execute format('alter database %I reset search_path', current_database());
end
$$;
drop owned by authenticator, auth_admin, anon, authenticated, service_role;
drop role authenticator, auth_admin, anon, authenticated, service_role;
