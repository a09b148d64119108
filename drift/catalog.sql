-- Everything of a database that migrations declare, one JSON object a line:
--   kind, object, aspect   what it is; together they are unique
--   schema                 the schema it is in; empty for what belongs to the server
--   party                  the other side: the role that a grant is for, the schema of a trigger's
--                          function; otherwise empty
--   value                  what is compared
--   make                   the statement that brings this about; null where it is not safe
--   undo                   the statement that takes it away; null where data could be lost
-- Members of extensions are left out: the extension's version stands for them.
-- Needs PostgreSQL 16 or newer and a superuser.
with
member_of_extension as (
  select classid, objid from pg_depend where deptype = 'e'
),
namespace as (
  select n.oid, n.nspname, n.nspowner, n.nspacl
  from pg_namespace n
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and (('pg_namespace'::regclass::oid, n.oid) not in (table member_of_extension)
         or n.nspname = 'public')
),
relation as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relowner, c.relacl,
    c.relrowsecurity, c.relforcerowsecurity,
    format('%I.%I', n.nspname, c.relname) as identity,
    case c.relkind
      when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view'
      when 'f' then 'foreign table' else 'table'
    end as kind
  from pg_class c
  join namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    and ('pg_class'::regclass::oid, c.oid) not in (table member_of_extension)
),
routine as (
  select p.oid, n.nspname, p.proname, p.proowner, p.proacl, p.prokind,
    format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
      as identity
  from pg_proc p
  join namespace n on n.oid = p.pronamespace
  where p.prokind in ('f', 'p')
    and ('pg_proc'::regclass::oid, p.oid) not in (table member_of_extension)
),
role as (
  select * from pg_roles where rolname !~ '^pg_'
),
-- Privileges: where the catalogue has no list, the built-in one holds.
privilege as (
  select 'schema' as kind, nspname as schema, format('%I', nspname) as object,
    format('schema %I', nspname) as target,
    aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as acl
  from namespace
  union all
  select kind, nspname, identity,
    format('%s %s', case relkind when 'S' then 'sequence' else 'table' end, identity),
    aclexplode(coalesce(
      relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)
    ))
  from relation
  union all
  select 'function', nspname, identity,
    format('%s %s', case prokind when 'p' then 'procedure' else 'function' end, identity),
    aclexplode(coalesce(proacl, acldefault('f', proowner)))
  from routine
  union all
  select 'database', '', datname, format('database %I', datname),
    aclexplode(coalesce(datacl, acldefault('d', datdba)))
  from pg_database where datname = current_database()
),
grantee as (
  select p.*, coalesce(r.rolname, 'public') as role_name,
    case when (p.acl).grantee = 0 then 'public' else format('%I', r.rolname) end as quoted
  from privilege p
  left join pg_roles r on r.oid = (p.acl).grantee
),
item (rank, kind, schema, object, aspect, party, value, make, undo) as (
  select 1, 'role', '', rolname::text, 'exists', rolname::text, 'yes',
    format('create role %I', rolname), null
  from role
  union all
  select 2, 'role', '', rolname, attribute.name, rolname,
    case when attribute.is_set then 'yes' else 'no' end,
    format('alter role %I %s%s', rolname,
      case when attribute.is_set then '' else 'no' end, attribute.keyword),
    -- Undone where nobody declared the role: the right that it should not have.
    case when attribute.is_set then format('alter role %I no%s', rolname, attribute.keyword) end
  from role
  cross join lateral (values
    ('superuser', rolsuper, 'superuser'),
    ('inherit', rolinherit, 'inherit'),
    ('create roles', rolcreaterole, 'createrole'),
    ('create databases', rolcreatedb, 'createdb'),
    ('login', rolcanlogin, 'login'),
    ('replication', rolreplication, 'replication'),
    ('bypass row-level security', rolbypassrls, 'bypassrls')
  ) as attribute (name, is_set, keyword)
  union all
  select 2, 'role', '', rolname, 'connection limit', rolname, rolconnlimit::text,
    format('alter role %I connection limit %s', rolname, rolconnlimit), null
  from role
  union all
  select 2, 'role', '', rolname, 'valid until', rolname, coalesce(rolvaliduntil::text, 'infinity'),
    format('alter role %I valid until %L', rolname, coalesce(rolvaliduntil::text, 'infinity')), null
  from role
  union all
  select 3, 'membership', '', m.rolname, format('of %s', g.rolname), g.rolname,
    options.text,
    format('grant %I to %I with %s', g.rolname, m.rolname, options.text),
    format('revoke %I from %I', g.rolname, m.rolname)
  from pg_auth_members a
  join pg_roles g on g.oid = a.roleid
  join role m on m.oid = a.member
  cross join lateral (
    select format('admin %s, inherit %s, set %s', a.admin_option::text, a.inherit_option::text,
      a.set_option::text) as text
  ) as options
  union all
  select 3, 'setting', '',
    concat_ws(' in ', coalesce(r.rolname, 'every role'), d.datname),
    split_part(entry, '=', 1), coalesce(r.rolname, ''),
    substr(entry, strpos(entry, '=') + 1),
    format('alter %s set %I = %s', holder,
      split_part(entry, '=', 1),
      -- Lists are kept quoted as they were written.
      case when split_part(entry, '=', 1) in ('search_path', 'temp_tablespaces')
        then substr(entry, strpos(entry, '=') + 1)
        else quote_literal(substr(entry, strpos(entry, '=') + 1))
      end),
    format('alter %s reset %I', holder, split_part(entry, '=', 1))
  from pg_db_role_setting s
  left join pg_roles r on r.oid = s.setrole
  left join pg_database d on d.oid = s.setdatabase
  cross join lateral unnest(s.setconfig) as entry
  cross join lateral (
    select case
      when r.oid is null and d.oid is null then 'role all'
      when r.oid is null then format('database %I', d.datname)
      when d.oid is null then format('role %I', r.rolname)
      else format('role %I in database %I', r.rolname, d.datname)
    end as holder
  ) as target
  where d.oid is null or d.datname = current_database()
  union all
  select 3, 'setting', '', 'server', name, '', setting, null,
    format('alter system reset %I', name)
  from pg_file_settings
  where sourcefile like '%postgresql.auto.conf'
  union all
  select 4, 'schema', nspname, format('%I', nspname), 'owner', '', o.rolname,
    format('create schema if not exists %I; alter schema %I owner to %I',
      nspname, nspname, o.rolname), null
  from namespace
  join pg_roles o on o.oid = nspowner
  union all
  select 5, 'extension', '', extname, 'version', '',
    format('%s in schema %I', extversion, n.nspname),
    format('create extension if not exists %I with schema %I version %L cascade',
      extname, n.nspname, extversion), null
  from pg_extension e
  join pg_namespace n on n.oid = e.extnamespace
  union all
  select 6, kind, nspname, identity, 'owner', '', o.rolname,
    format('alter table if exists %s owner to %I', identity, o.rolname), null
  from relation
  join pg_roles o on o.oid = relowner
  union all
  select 6, kind, nspname, identity, 'row-level security', '',
    case when relrowsecurity then 'on' else 'off' end,
    format('alter table %s %s row level security', identity,
      case when relrowsecurity then 'enable' else 'disable' end), null
  from relation
  where relkind in ('r', 'p')
  union all
  select 6, kind, nspname, identity, 'forced row-level security', '',
    case when relforcerowsecurity then 'on' else 'off' end,
    format('alter table %s %s row level security', identity,
      case when relforcerowsecurity then 'force' else 'no force' end), null
  from relation
  where relkind in ('r', 'p')
  union all
  select 6, r.kind, nspname, identity, format('column %s', a.attname), '',
    concat_ws(' ', format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then 'not null' end,
      case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
      case when a.attgenerated <> '' then 'generated' end,
      'default ' || pg_get_expr(d.adbin, d.adrelid)),
    null, null
  from relation r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
  where r.relkind in ('r', 'p', 'f')
  union all
  select 6, kind, nspname, identity, 'definition', '', pg_get_viewdef(oid), null, null
  from relation
  where relkind in ('v', 'm')
  union all
  select 7, kind, nspname, identity, format('constraint %s', k.conname), '',
    pg_get_constraintdef(k.oid),
    format('alter table %s add constraint %I %s', identity, k.conname,
      pg_get_constraintdef(k.oid)),
    null
  from relation r
  join pg_constraint k on k.conrelid = r.oid and k.contype <> 't'
  union all
  select 7, kind, nspname, identity, format('index %s', i.relname), '',
    pg_get_indexdef(x.indexrelid), pg_get_indexdef(x.indexrelid), null
  from relation r
  join pg_index x on x.indrelid = r.oid
  join pg_class i on i.oid = x.indexrelid
  where not exists (select from pg_constraint k where k.conindid = x.indexrelid)
  union all
  select 8, 'type', n.nspname, format('%I.%I', n.nspname, t.typname), 'labels', '',
    (select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum
     where enumtypid = t.oid),
    null, null
  from pg_type t
  join namespace n on n.oid = t.typnamespace
  where t.typtype = 'e' and ('pg_type'::regclass::oid, t.oid) not in (table member_of_extension)
  union all
  select 9, 'function', nspname, identity, 'definition', '', pg_get_functiondef(routine.oid),
    pg_get_functiondef(routine.oid), null
  from routine
  union all
  select 9, 'function', nspname, identity, 'owner', '', o.rolname,
    format('alter routine %s owner to %I', identity, o.rolname), null
  from routine
  join pg_roles o on o.oid = proowner
  union all
  select 10, kind, r.nspname, identity, format('trigger %s', t.tgname), fn.nspname,
    format('%s (%s)', pg_get_triggerdef(t.oid), t.tgenabled), pg_get_triggerdef(t.oid), null
  from relation r
  join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  join pg_proc f on f.oid = t.tgfoid
  join pg_namespace fn on fn.oid = f.pronamespace
  union all
  select 10, 'event trigger', '', e.evtname, 'definition', '', definition,
    format('drop event trigger if exists %I; %s; alter event trigger %I %s',
      e.evtname, definition, e.evtname, state),
    null
  from pg_event_trigger e
  cross join lateral (
    select format('create event trigger %I on %s%s execute function %s()', e.evtname, e.evtevent,
      ' when tag in (' || (select string_agg(quote_literal(tag), ', ') from unnest(e.evttags) tag)
        || ')', e.evtfoid::regproc) as definition
  ) as text
  cross join lateral (
    select case e.evtenabled
      when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always'
      else 'enable' end as state
  ) as switch
  where ('pg_event_trigger'::regclass::oid, e.oid) not in (table member_of_extension)
  union all
  select 10, 'event trigger', '', evtname, 'enabled', '',
    case evtenabled when 'D' then 'no' when 'O' then 'yes' else evtenabled::text end,
    format('alter event trigger %I %s', evtname,
      case evtenabled when 'D' then 'disable' when 'R' then 'enable replica'
        when 'A' then 'enable always' else 'enable' end),
    null
  from pg_event_trigger e
  where ('pg_event_trigger'::regclass::oid, e.oid) not in (table member_of_extension)
  union all
  select 11, kind, r.nspname, identity, format('policy %s', p.polname), '',
    text.definition,
    format('drop policy if exists %I on %s; create policy %I on %s %s', p.polname, identity,
      p.polname, identity, text.definition),
    format('drop policy if exists %I on %s', p.polname, identity)
  from relation r
  join pg_policy p on p.polrelid = r.oid
  cross join lateral (
    select concat_ws(' ',
      'as', case when p.polpermissive then 'permissive' else 'restrictive' end,
      'for', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
        when 'd' then 'delete' else 'all' end,
      'to', (
        select string_agg(
          case when member = 0 then 'public' else quote_ident(pg_get_userbyid(member)) end,
          ', ' order by pg_get_userbyid(member)
        )
        from unnest(p.polroles) as member
      ),
      'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
      'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
    ) as definition
  ) as text
  union all
  select 12, kind, schema, object,
    format('%s to %s', (acl).privilege_type, role_name), role_name,
    case when bool_or((acl).is_grantable) then 'with grant option' else 'granted' end,
    format('grant %s on %s to %s%s', (acl).privilege_type, target, quoted,
      case when bool_or((acl).is_grantable) then ' with grant option' else '' end),
    format('revoke %s on %s from %s', (acl).privilege_type, target, quoted)
  from grantee
  group by kind, schema, object, target, role_name, quoted, (acl).privilege_type
  union all
  select 12, r.kind, r.nspname, identity,
    format('%s of column %s to %s', x.privilege_type, a.attname,
      coalesce(g.rolname, 'public')),
    coalesce(g.rolname, 'public'),
    case when x.is_grantable then 'with grant option' else 'granted' end,
    format('grant %s (%I) on table %s to %s', x.privilege_type, a.attname, identity,
      coalesce(quote_ident(g.rolname), 'public')),
    format('revoke %s (%I) on table %s from %s', x.privilege_type, a.attname, identity,
      coalesce(quote_ident(g.rolname), 'public'))
  from relation r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and a.attacl is not null
  cross join lateral aclexplode(a.attacl) as x
  left join pg_roles g on g.oid = x.grantee
  union all
  select 13, 'default privileges', coalesce(n.nspname, ''),
    format('of %s in %s', o.rolname, coalesce('schema ' || n.nspname, 'every schema')),
    format('%s on %s to %s', x.privilege_type, objects.name, coalesce(g.rolname, 'public')),
    coalesce(g.rolname, 'public'),
    case when x.is_grantable then 'with grant option' else 'granted' end,
    format('alter default privileges for role %I%s grant %s on %s to %s%s', o.rolname,
      ' in schema ' || quote_ident(n.nspname), x.privilege_type, objects.name,
      coalesce(quote_ident(g.rolname), 'public'),
      case when x.is_grantable then ' with grant option' else '' end),
    format('alter default privileges for role %I%s revoke %s on %s from %s', o.rolname,
      ' in schema ' || quote_ident(n.nspname), x.privilege_type, objects.name,
      coalesce(quote_ident(g.rolname), 'public'))
  from pg_default_acl d
  join pg_roles o on o.oid = d.defaclrole
  left join pg_namespace n on n.oid = d.defaclnamespace
  cross join lateral aclexplode(d.defaclacl) as x
  left join pg_roles g on g.oid = x.grantee
  cross join lateral (
    select case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
      when 'f' then 'functions' when 'T' then 'types' else 'schemas' end as name
  ) as objects
  union all
  select 14, 'migration', '', version, 'applied', '', 'yes', null, null
  from (
    select (xpath('/row/version/text()', line))[1]::text as version
    from unnest(xpath('//row', case
      when to_regclass('plinth.schema_migrations') is null then '<table/>'::xml
      else query_to_xml('select version from plinth.schema_migrations', false, false, '')
    end)) as line
  ) as applied
)
select json_build_object('rank', rank, 'kind', kind, 'schema', schema, 'object', object,
  'aspect', aspect, 'party', party, 'value', value, 'make', make, 'undo', undo)
from item
order by rank, kind, object, aspect;
