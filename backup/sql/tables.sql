-- Rows by table, extensions' own tables left out: one JSON object a line.
select format(
  'select json_build_object(%L, count(*)) from only %I.%I',
  format('%I.%I', namespace.nspname, class.relname), namespace.nspname, class.relname
)
from pg_catalog.pg_class as class
join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
where class.relkind = 'r'
  and class.relpersistence <> 't'
  and namespace.nspname not like 'pg\_%'
  and namespace.nspname <> 'information_schema'
  and not exists (
    select from pg_catalog.pg_depend as dependency
    where dependency.classid = 'pg_class'::regclass
      and dependency.objid = class.oid
      and dependency.deptype = 'e'
  )
order by namespace.nspname, class.relname \gexec
