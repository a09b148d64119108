// Sign-up, sign-in and the user's own record.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, data, newCredentials, signedIn, signedUp } from "./connect.mjs";

test("sign-up gives a session at once", async () => {
  const { session } = await signedUp();
  assert.equal(session.token_type, "bearer");
});

test("sign-up keeps the metadata that came with it", async () => {
  const options = { data: { name: "Ann" } };
  const { user } = data(await connect().auth.signUp({ ...newCredentials(), options }));
  assert.equal(user.user_metadata.name, "Ann");
});

test("sign-in with the password is the same user", async () => {
  const { credentials, user } = await signedUp();
  const { session } = await signedIn(credentials);
  assert.equal(session.user.id, user.id);
});

test("the address is not case-sensitive", async () => {
  const { credentials, user } = await signedUp();
  const { session } = await signedIn({ ...credentials, email: credentials.email.toUpperCase() });
  assert.equal(session.user.id, user.id);
});

test("getUser answers with the server's record", async () => {
  const { client, credentials } = await signedUp();
  assert.equal(data(await client.auth.getUser()).user.email, credentials.email);
});

test("getClaims verifies the token with the published key", async () => {
  const { client, user } = await signedUp();
  assert.equal(data(await client.auth.getClaims()).claims.sub, user.id);
});

test("the access token is signed by an elliptic curve key", async () => {
  const { client } = await signedUp();
  assert.equal(data(await client.auth.getClaims()).header.alg, "ES256");
});

test("an access token says that its user is authenticated", async () => {
  const { client } = await signedUp();
  assert.equal(data(await client.auth.getClaims()).claims.role, "authenticated");
});

test("an anonymous sign-in gives an anonymous user", async () => {
  const { user } = data(await connect().auth.signInAnonymously());
  assert.equal(user.is_anonymous, true);
});

test("updateUser changes the metadata", async () => {
  const { client } = await signedUp();
  const { user } = data(await client.auth.updateUser({ data: { name: "Bea" } }));
  assert.equal(user.user_metadata.name, "Bea");
});

test("updateUser changes the password", async () => {
  const { client, credentials, user } = await signedUp();
  const { password } = newCredentials();
  data(await client.auth.updateUser({ password }));
  const { session } = await signedIn({ ...credentials, password });
  assert.equal(session.user.id, user.id);
});
