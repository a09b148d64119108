-- Example: to-do items that only their owner can see or change. Safe to apply again.
begin;
set local client_min_messages = warning; -- no notes about policies that are not there yet

create table if not exists public.todos (
  id bigint generated always as identity primary key,
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  title text not null check (char_length(title) between 1 and 200),
  done boolean not null default false,
  inserted_at timestamptz not null default now()
);
create index if not exists todos_user_id_idx on public.todos (user_id);

alter table public.todos enable row level security;
grant select, insert, update, delete on public.todos to authenticated;
grant all on public.todos to service_role;

-- "(select auth.uid())" is worked out once for a statement, "auth.uid()" once for each row.
drop policy if exists "owners read their todos" on public.todos;
create policy "owners read their todos" on public.todos
  for select to authenticated
  using ((select auth.uid()) = user_id);

drop policy if exists "owners add their todos" on public.todos;
create policy "owners add their todos" on public.todos
  for insert to authenticated
  with check ((select auth.uid()) = user_id);

drop policy if exists "owners change their todos" on public.todos;
create policy "owners change their todos" on public.todos
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id);

drop policy if exists "owners delete their todos" on public.todos;
create policy "owners delete their todos" on public.todos
  for delete to authenticated
  using ((select auth.uid()) = user_id);

commit;
