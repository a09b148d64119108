"""Sign-up, sessions and users, by the API of GoTrue (supabase/auth) v2.196."""
