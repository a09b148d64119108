-- Users with one session each and four refresh tokens in it, of which the newest is active. The
-- variable `users` says how many; all share one password, whose hash is `password_hash`. As auth
-- does, the table keeps digests of the tokens, here of `active-1`, `active-2` and so on.
insert into auth.users (
  instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
  raw_app_meta_data, raw_user_meta_data, confirmation_token, recovery_token,
  email_change_token_new, email_change, created_at, updated_at
)
select
  '00000000-0000-0000-0000-000000000000', md5('user ' || number)::uuid, 'authenticated',
  'authenticated', 'user-' || number || '@load.example', :'password_hash', now(),
  '{"provider": "email", "providers": ["email"]}', '{}', '', '', '', '', now(), now()
from generate_series(1, :users) as number;

insert into auth.identities (
  provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
)
select
  id::text, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now(), now()
from auth.users where email like 'user-%@load.example';

insert into auth.sessions (id, user_id, created_at, updated_at, aal)
select md5('session ' || number)::uuid, md5('user ' || number)::uuid, now(), now(), 'aal1'
from generate_series(1, :users) as number;

insert into auth.refresh_tokens (
  instance_id, token, user_id, revoked, session_id, created_at, updated_at
)
select
  '00000000-0000-0000-0000-000000000000',
  'sha256:' || encode(sha256(convert_to(
    case when generation = 4 then 'active-' else 'former-' || generation || '-' end || number,
    'UTF8')), 'hex'),
  md5('user ' || number)::uuid::text, generation < 4, md5('session ' || number)::uuid, now(), now()
from generate_series(1, :users) as number, generate_series(1, 4) as generation
order by generation, number;

-- As on a server that has run for a while: otherwise its own vacuum of tables that have just been
-- filled would fall into the measurement.
vacuum (analyze) auth.users, auth.identities, auth.sessions, auth.refresh_tokens;
