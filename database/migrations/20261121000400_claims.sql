-- auth.jwt(), auth.uid(), auth.role(), auth.email(): the caller's token claims, for policies and
-- column defaults. PostgREST and the services put the claims into request.jwt.claims for one
-- transaction; afterwards a pooled session keeps the setting as an empty string, not as null, and
-- NULLIF turns that back into "no caller". Owned by auth_admin, so that GoTrue's own
-- CREATE OR REPLACE of the same functions works.

-- migrate:up
set local role auth_admin;

create function auth.jwt() returns jsonb
  language sql stable
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb;
comment on function auth.jwt() is 'All claims of the caller''s token; null without a token.';

create function auth.uid() returns uuid
  language sql stable
  return nullif(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', ''
  )::uuid;
comment on function auth.uid() is 'The caller''s user id (claim sub); null without one.';

create function auth.role() returns text
  language sql stable
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role';
comment on function auth.role() is 'The role in the caller''s token (claim role).';

create function auth.email() returns text
  language sql stable
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email';
comment on function auth.email() is 'The e-mail address in the caller''s token (claim email).';

reset role;

-- migrate:down
drop function auth.email();
drop function auth.role();
drop function auth.uid();
drop function auth.jwt();
