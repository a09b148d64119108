// Everything that goes by mail: links, codes, PKCE, address changes, invitations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { administrator, connect, data, newCredentials, refusal, signedIn, signedUp } from "./connect.mjs";
import { follow, newestMail, withNewestMail } from "./mailbox.mjs";

const followNewest = (address) => withNewestMail(address, ({ link }) => follow(link));

/** Somebody whom an administrator has registered and who has yet to confirm the address. */
async function unconfirmed() {
  const credentials = newCredentials();
  const { user } = data(await administrator().auth.admin.createUser(credentials));
  return { credentials, user };
}

test("the link of a recovery mail leads to a session", async () => {
  const { credentials, user } = await signedUp();
  data(await connect().auth.resetPasswordForEmail(credentials.email));
  const { access_token, refresh_token } = await followNewest(credentials.email);
  const client = connect();
  data(await client.auth.setSession({ access_token, refresh_token }));
  assert.equal(data(await client.auth.getUser()).user.id, user.id);
});

test("who has recovered the password can choose another one", async () => {
  const { credentials, user } = await signedUp();
  data(await connect().auth.resetPasswordForEmail(credentials.email));
  const client = connect();
  const verified = await withNewestMail(credentials.email, ({ token }) =>
    client.auth.verifyOtp({ type: "recovery", token_hash: token }));
  data(verified);
  const { password } = newCredentials();
  data(await client.auth.updateUser({ password }));
  const { session } = await signedIn({ ...credentials, password });
  assert.equal(session.user.id, user.id);
});

test("a recovery link says what it is for", async () => {
  const { credentials } = await signedUp();
  data(await connect().auth.resetPasswordForEmail(credentials.email));
  assert.equal((await followNewest(credentials.email)).type, "recovery");
});

test("a link is good once", async () => {
  const { credentials } = await signedUp();
  data(await connect().auth.resetPasswordForEmail(credentials.email));
  await followNewest(credentials.email);
  const { link } = await newestMail(credentials.email);
  assert.equal((await follow(link)).error_code, "otp_expired");
});

test("a magic link signs in", async () => {
  const { credentials, user } = await signedUp();
  data(await connect().auth.signInWithOtp({ email: credentials.email }));
  const { access_token } = await followNewest(credentials.email);
  assert.equal(data(await connect().auth.getUser(access_token)).user.id, user.id);
});

test("the code of a mail signs in", async () => {
  const { credentials, user } = await signedUp();
  const client = connect();
  data(await client.auth.signInWithOtp({ email: credentials.email }));
  const verified = await withNewestMail(credentials.email, ({ code }) =>
    client.auth.verifyOtp({ type: "email", email: credentials.email, token: code }));
  assert.equal(data(verified).user.id, user.id);
});

test("a wrong code is otp_expired", async () => {
  const { credentials } = await signedUp();
  const attempt = { type: "email", email: credentials.email, token: "000000" };
  assert.equal(refusal(await connect().auth.verifyOtp(attempt)).code, "otp_expired");
});

test("a code registers a new address", async () => {
  const { email } = newCredentials();
  const client = connect();
  data(await client.auth.signInWithOtp({ email }));
  const verified = await withNewestMail(email, ({ code }) =>
    client.auth.verifyOtp({ type: "email", email, token: code }));
  assert.equal(data(verified).user.email, email);
});

test("a code is not sent to a new address that shall not be registered", async () => {
  const options = { shouldCreateUser: false };
  const { email } = newCredentials();
  assert.equal(refusal(await connect().auth.signInWithOtp({ email, options })).code, "otp_disabled");
});

test("with PKCE the link holds a code for the client that asked", async () => {
  const { credentials, user } = await signedUp();
  const client = connect(undefined, { flowType: "pkce" });
  data(await client.auth.signInWithOtp({ email: credentials.email }));
  const { code } = await followNewest(credentials.email);
  const { session } = data(await client.auth.exchangeCodeForSession(code));
  assert.equal(session.user.id, user.id);
});

test("with PKCE the code is useless to another client", async () => {
  const { credentials } = await signedUp();
  data(await connect(undefined, { flowType: "pkce" }).auth.signInWithOtp({ email: credentials.email }));
  const { code } = await followNewest(credentials.email);
  const other = connect(undefined, { flowType: "pkce" });
  data(await other.auth.signInWithOtp({ email: newCredentials().email })); // a verifier of its own
  assert.equal(refusal(await other.auth.exchangeCodeForSession(code)).code, "bad_code_verifier");
});

test("an unconfirmed user cannot sign in", async () => {
  const { credentials } = await unconfirmed();
  const error = refusal(await connect().auth.signInWithPassword(credentials));
  assert.equal(error.code, "email_not_confirmed");
});

test("the mail of a sign-up that is sent again confirms the address", async () => {
  const { credentials, user } = await unconfirmed();
  data(await connect().auth.resend({ type: "signup", email: credentials.email }));
  const verified = await withNewestMail(credentials.email, ({ token }) =>
    connect().auth.verifyOtp({ type: "email", token_hash: token }));
  assert.equal(data(verified).user.id, user.id);
});

test("a change of address counts when both addresses have confirmed it", async () => {
  const { client, credentials } = await signedUp();
  const { email } = newCredentials();
  data(await client.auth.updateUser({ email }));
  await follow((await newestMail(credentials.email)).link);
  await follow((await newestMail(email)).link);
  assert.equal(data(await client.auth.getUser()).user.email, email);
});

test("a change of address does not count when one of them has confirmed it", async () => {
  const { client, credentials } = await signedUp();
  const { email } = newCredentials();
  data(await client.auth.updateUser({ email }));
  await follow((await newestMail(email)).link);
  assert.equal(data(await client.auth.getUser()).user.email, credentials.email);
});

test("the first of two confirmations says that the other is missing", async () => {
  const { client } = await signedUp();
  const { email } = newCredentials();
  data(await client.auth.updateUser({ email }));
  const { message } = await follow((await newestMail(email)).link);
  assert.match(message, /confirm link sent to the other email/);
});

test("the code of a reauthentication confirms a new password", async () => {
  const { client, credentials, user } = await signedUp();
  data(await client.auth.reauthenticate());
  const { code } = await newestMail(credentials.email);
  const { password } = newCredentials();
  data(await client.auth.updateUser({ password, nonce: code }));
  const { session } = await signedIn({ ...credentials, password });
  assert.equal(session.user.id, user.id);
});

test("an anonymous user becomes a permanent one and stays the same", async () => {
  const client = connect();
  const { user } = data(await client.auth.signInAnonymously());
  const credentials = newCredentials();
  data(await client.auth.updateUser(credentials));
  const { session } = await signedIn(credentials);
  assert.deepEqual([session.user.id, session.user.is_anonymous], [user.id, false]);
});

test("an invitation signs its reader in", async () => {
  const { email } = newCredentials();
  const { user } = data(await administrator().auth.admin.inviteUserByEmail(email));
  const { token } = await newestMail(email);
  const verified = await connect().auth.verifyOtp({ type: "invite", token_hash: token });
  assert.equal(data(verified).user.id, user.id);
});

test("an invitation carries metadata", async () => {
  const { email } = newCredentials();
  const options = { data: { name: "Dan" } };
  const { user } = data(await administrator().auth.admin.inviteUserByEmail(email, options));
  assert.equal(user.user_metadata.name, "Dan");
});

test("a generated link signs in", async () => {
  const { credentials, user } = await signedUp();
  const request = { type: "recovery", email: credentials.email };
  const { properties } = data(await administrator().auth.admin.generateLink(request));
  const { access_token } = await follow(properties.action_link);
  assert.equal(data(await connect().auth.getUser(access_token)).user.id, user.id);
});

test("a generated code signs in", async () => {
  const { credentials, user } = await signedUp();
  const request = { type: "magiclink", email: credentials.email };
  const { properties } = data(await administrator().auth.admin.generateLink(request));
  const attempt = { type: "email", email: credentials.email, token: properties.email_otp };
  assert.equal(data(await connect().auth.verifyOtp(attempt)).user.id, user.id);
});

test("generated links change an address", async () => {
  const { client, credentials } = await signedUp();
  const { email: newEmail } = newCredentials();
  for (const type of ["email_change_current", "email_change_new"]) {
    const request = { type, email: credentials.email, newEmail };
    const { properties } = data(await administrator().auth.admin.generateLink(request));
    await follow(properties.action_link);
  }
  assert.equal(data(await client.auth.getUser()).user.email, newEmail);
});

test("the publishable key may not generate links", async () => {
  const { credentials } = await signedUp();
  const request = { type: "magiclink", email: credentials.email };
  assert.equal(refusal(await connect().auth.admin.generateLink(request)).status, 403);
});
