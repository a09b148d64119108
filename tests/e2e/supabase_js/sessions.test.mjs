// The life of a session: refresh, reuse of a refresh token, sign-out, and the events on the way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, data, refusal, signedIn, signedUp } from "./connect.mjs";

// Plinth's setting `auth.refresh_reuse_seconds` of the stack under test, and some more.
const BEYOND_REUSE_MILLISECONDS = 1000 * Number(process.env.PLINTH_REFRESH_REUSE_SECONDS) + 1000;

const refresh = (refreshToken) =>
  connect().auth.refreshSession({ refresh_token: refreshToken });

const userOf = (accessToken) => connect().auth.getUser(accessToken);

test("a refresh gives a new refresh token", async () => {
  const { client, session } = await signedUp();
  const refreshed = data(await client.auth.refreshSession()).session;
  assert.notEqual(refreshed.refresh_token, session.refresh_token);
});

test("a refresh keeps the user", async () => {
  const { client, user } = await signedUp();
  assert.equal(data(await client.auth.refreshSession()).session.user.id, user.id);
});

test("a refreshed session reads on", async () => {
  const { client } = await signedUp();
  data(await client.auth.refreshSession());
  assert.deepEqual(data(await client.from("todos").select()), []);
});

test("two tabs that refresh at once both keep their session", async () => {
  const { session, user } = await signedUp();
  data(await refresh(session.refresh_token));
  assert.equal(data(await refresh(session.refresh_token)).user.id, user.id);
});

test("a refresh token that was used up long ago is refused", async () => {
  const { session } = await signedUp();
  const second = data(await refresh(session.refresh_token)).session;
  data(await refresh(second.refresh_token));
  await sleep(BEYOND_REUSE_MILLISECONDS);
  assert.equal(refusal(await refresh(session.refresh_token)).code, "refresh_token_already_used");
});

test("its reuse ends the session for whoever holds the newest token", async () => {
  const { session } = await signedUp();
  const second = data(await refresh(session.refresh_token)).session;
  const newest = data(await refresh(second.refresh_token)).session;
  await sleep(BEYOND_REUSE_MILLISECONDS);
  refusal(await refresh(session.refresh_token));
  assert.equal(refusal(await refresh(newest.refresh_token)).code, "refresh_token_already_used");
});

test("setSession takes over a session", async () => {
  const { session, user } = await signedUp();
  const other = connect();
  data(await other.auth.setSession(session));
  assert.equal(data(await other.auth.getUser()).user.id, user.id);
});

test("sign-out on this device leaves no session here", async () => {
  const { client } = await signedUp();
  assert.equal((await client.auth.signOut({ scope: "local" })).error, null);
  assert.equal(data(await client.auth.getSession()).session, null);
});

test("sign-out on this device ends its session on the server", async () => {
  const { client, session } = await signedUp();
  await client.auth.signOut({ scope: "local" });
  assert.equal(refusal(await userOf(session.access_token)).name, "AuthSessionMissingError");
});

test("sign-out on this device leaves the other one signed in", async () => {
  const { client, credentials, user } = await signedUp();
  const other = await signedIn(credentials);
  await client.auth.signOut({ scope: "local" });
  assert.equal(data(await other.client.auth.getUser()).user.id, user.id);
});

test("sign-out of the others ends the other device's session", async () => {
  const { client, credentials } = await signedUp();
  const other = await signedIn(credentials);
  await client.auth.signOut({ scope: "others" });
  assert.equal(refusal(await userOf(other.session.access_token)).name, "AuthSessionMissingError");
});

test("sign-out of the others keeps this device's session", async () => {
  const { client, credentials, user } = await signedUp();
  await signedIn(credentials);
  await client.auth.signOut({ scope: "others" });
  assert.equal(data(await client.auth.getUser()).user.id, user.id);
});

test("sign-out everywhere ends the other device's session", async () => {
  const { client, credentials } = await signedUp();
  const other = await signedIn(credentials);
  await client.auth.signOut({ scope: "global" });
  assert.equal(refusal(await userOf(other.session.access_token)).name, "AuthSessionMissingError");
});

test("a session that was signed out cannot be refreshed", async () => {
  const { client, session } = await signedUp();
  await client.auth.signOut();
  assert.equal(refusal(await refresh(session.refresh_token)).code, "refresh_token_not_found");
});

test("the client tells each change of state", async () => {
  const { credentials } = await signedUp();
  const client = connect();
  const events = [];
  client.auth.onAuthStateChange((event) => {
    events.push(event);
  });
  data(await client.auth.signInWithPassword(credentials));
  data(await client.auth.refreshSession());
  data(await client.auth.updateUser({ data: { name: "Cleo" } }));
  await client.auth.signOut();
  const told = events.filter((event) => event !== "INITIAL_SESSION");
  assert.deepEqual(told, ["SIGNED_IN", "TOKEN_REFRESHED", "USER_UPDATED", "SIGNED_OUT"]);
});
