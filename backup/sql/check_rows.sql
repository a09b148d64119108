do $check$
declare
  found bigint;
begin
  select count(*) into found from only <table>;
  if found <> <rows> then
    raise exception 'table % has % rows instead of <rows>', $name$<table>$name$, found;
  end if;
end
$check$;
