// What the server refuses, as supabase-js hands it to the application: class, status and code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAuthApiError, isAuthWeakPasswordError } from "@supabase/supabase-js";
import { connect, newCredentials, refusal, signedUp } from "./connect.mjs";

const WEAK_PASSWORD = "short";

test("a wrong password is an AuthApiError", async () => {
  const { credentials } = await signedUp();
  const attempt = { ...credentials, password: newCredentials().password };
  assert.ok(isAuthApiError(refusal(await connect().auth.signInWithPassword(attempt))));
});

test("a wrong password is invalid_credentials", async () => {
  const { credentials } = await signedUp();
  const attempt = { ...credentials, password: newCredentials().password };
  const error = refusal(await connect().auth.signInWithPassword(attempt));
  assert.equal(error.code, "invalid_credentials");
});

test("an unknown address reads like a wrong password", async () => {
  const { credentials } = await signedUp();
  const attempt = { ...credentials, password: newCredentials().password };
  const wrong = refusal(await connect().auth.signInWithPassword(attempt));
  const unknown = refusal(await connect().auth.signInWithPassword(newCredentials()));
  assert.deepEqual([unknown.status, unknown.code, unknown.message], [
    wrong.status,
    wrong.code,
    wrong.message,
  ]);
});

test("a second sign-up with one address is user_already_exists", async () => {
  const { credentials } = await signedUp();
  assert.equal(refusal(await connect().auth.signUp(credentials)).code, "user_already_exists");
});

test("a weak password is an AuthWeakPasswordError", async () => {
  const attempt = { ...newCredentials(), password: WEAK_PASSWORD };
  assert.ok(isAuthWeakPasswordError(refusal(await connect().auth.signUp(attempt))));
});

test("a weak password comes with its reasons", async () => {
  const attempt = { ...newCredentials(), password: WEAK_PASSWORD };
  assert.deepEqual(refusal(await connect().auth.signUp(attempt)).reasons, ["length"]);
});

test("something that is no address is validation_failed", async () => {
  const attempt = { ...newCredentials(), email: "no-address" };
  assert.equal(refusal(await connect().auth.signUp(attempt)).code, "validation_failed");
});

test("the password that the user has already is same_password", async () => {
  const { client, credentials } = await signedUp();
  const error = refusal(await client.auth.updateUser({ password: credentials.password }));
  assert.equal(error.code, "same_password");
});

test("an unknown refresh token is refresh_token_not_found", async () => {
  const error = refusal(await connect().auth.refreshSession({ refresh_token: "aaaaaaaaaaaa" }));
  assert.equal(error.code, "refresh_token_not_found");
});

test("something that is no token is refused with 401", async () => {
  assert.equal(refusal(await connect().auth.getUser("no-token")).status, 401);
});

test("a client without a session is told so before it asks", async () => {
  assert.equal(refusal(await connect().auth.getUser()).name, "AuthSessionMissingError");
});

test("a wrong API key is refused with 401", async () => {
  const wrong = connect("sb_publishable_0000000000000000000000_00000000");
  assert.equal(refusal(await wrong.auth.signUp(newCredentials())).status, 401);
});
