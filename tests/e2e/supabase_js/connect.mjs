// Clients of the stack under test, with supabase-js as its registry serves it and its defaults.
// The addresses and keys come from the environment: see tests/e2e/test_supabase_js.py.
import { randomUUID } from "node:crypto";
import { createClient } from "@supabase/supabase-js";

export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export const keys = {
  publishable: setting("PLINTH_PUBLISHABLE_KEY"),
  secret: setting("PLINTH_SECRET_KEY"),
  legacyAnon: setting("PLINTH_LEGACY_ANON_KEY"),
  legacyServiceRole: setting("PLINTH_LEGACY_SERVICE_ROLE_KEY"),
};

export const connect = (key = keys.publishable, auth = {}) =>
  createClient(setting("PLINTH_URL"), key, { auth });

export const administrator = () => connect(keys.secret);

export const newCredentials = () => ({
  email: `${randomUUID()}@example.com`,
  password: randomUUID(),
});

/** What a call gave; throws the error that it reported instead. */
export function data(result) {
  if (result.error) throw result.error;
  return result.data;
}

/** The error that a call was meant to report. */
export function refusal(result) {
  if (!result.error) throw new Error(`was not refused: ${JSON.stringify(result.data)}`);
  return result.error;
}

/** A client whose user has just signed up. */
export async function signedUp() {
  const client = connect();
  const credentials = newCredentials();
  const { user, session } = data(await client.auth.signUp(credentials));
  return { client, credentials, user, session };
}

/** One more client of a user who has signed up. */
export async function signedIn(credentials) {
  const client = connect();
  const { session } = data(await client.auth.signInWithPassword(credentials));
  return { client, session };
}
