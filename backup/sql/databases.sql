-- Every database with data of its own, the one that this is asked in first: one JSON object a line.
with settings as (
  select
    setting.setdatabase,
    format(
      'alter %s set %s = %s',
      case
        when setting.setrole = 0 then format('database %I', datname)
        else format('role %I in database %I', setting.setrole::regrole::name, datname)
      end,
      split_part(entry, '=', 1),
      -- Lists of names come as SQL wants them; everything else is one value.
      case
        when split_part(entry, '=', 1) in (
          'local_preload_libraries', 'search_path', 'session_preload_libraries',
          'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories'
        ) then substr(entry, strpos(entry, '=') + 1)
        else quote_literal(substr(entry, strpos(entry, '=') + 1))
      end
    ) as statement
  from pg_catalog.pg_db_role_setting as setting
  join pg_catalog.pg_database on pg_database.oid = setting.setdatabase
  cross join unnest(setting.setconfig) as entry
),
privileges as (
  select
    database.oid as setdatabase,
    format(
      'grant %s on database %I to %s%s',
      privilege.privilege_type,
      database.datname,
      case when privilege.grantee = 0 then 'public' else privilege.grantee::regrole::text end,
      case when privilege.is_grantable then ' with grant option' else '' end
    ) as statement
  from pg_catalog.pg_database as database
  cross join aclexplode(coalesce(database.datacl, acldefault('d', database.datdba))) as privilege
  where privilege.grantee <> database.datdba
)
select json_build_object(
  'name', database.datname,
  'creation', format(
    'create database %I template template0 encoding %L locale_provider %s lc_collate %L lc_ctype %L%s',
    database.datname,
    pg_encoding_to_char(database.encoding),
    case database.datlocprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
    database.datcollate,
    database.datctype,
    case database.datlocprovider
      when 'i' then format(' icu_locale %L', database.datlocale)
      when 'b' then format(' builtin_locale %L', database.datlocale)
      else ''
    end
  ),
  'properties', array[
    format('alter database %I owner to %I', database.datname, database.datdba::regrole::name),
    format('alter database %I connection limit %s', database.datname, database.datconnlimit),
    format(
      'comment on database %I is %L',
      database.datname, shobj_description(database.oid, 'pg_database')
    ),
    format('alter database %I reset all', database.datname),
    format('revoke all on database %I from public', database.datname)
  ]
  || array(
    select statement from privileges where setdatabase = database.oid order by statement
  )
  || array(select statement from settings where setdatabase = database.oid order by statement)
)
from pg_catalog.pg_database as database
where database.datallowconn and not database.datistemplate
order by database.datname <> current_database(), database.datname;
