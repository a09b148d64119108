create schema facts authorization reporter;
create table facts.visits (id bigserial primary key, note text);
insert into facts.visits (note) select 'visit ' || number from generate_series(1, 1000) as number;
alter table facts.visits owner to reporter;
