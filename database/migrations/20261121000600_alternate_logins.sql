-- A second login for each role that a service acts as. PostgreSQL keeps one password for a role, so
-- generations of passwords take turns at the two logins: what is open or connects with the previous
-- generation goes on while services change over. Whoever logs in as the alternate is the role itself
-- from the first statement on, and owns nothing.

-- migrate:up
do $$
declare
  wanted record;
begin
  for wanted in
    select role, role || '_alternate' as login
    from unnest(array['authenticator', 'auth_admin']) as role
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted.login) then
      execute format('create role %I', wanted.login);
    end if;
    execute format(
      'alter role %I with nosuperuser nocreatedb nocreaterole noreplication login noinherit',
      wanted.login
    );
    execute format('grant %I to %I with inherit false, set true', wanted.role, wanted.login);
    execute format('comment on role %I is %L', wanted.login, 'Logs in as ' || wanted.role || '.');
    execute format('grant connect on database %I to %I', current_database(), wanted.login);
  end loop;
end
$$;

-- migrate:down
drop owned by authenticator_alternate, auth_admin_alternate;
drop role authenticator_alternate, auth_admin_alternate;
