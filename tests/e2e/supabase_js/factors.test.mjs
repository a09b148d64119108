// Second factors by time-based codes, and the identities of a user.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { administrator, data, refusal, signedIn, signedUp } from "./connect.mjs";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What an authenticator shows at present for a secret (RFC 6238: SHA-1, 30 seconds, 6 digits). */
function codeOf(secret) {
  const bits = [...secret].map((one) => BASE32.indexOf(one).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((octet) => Number.parseInt(octet, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

const level = async (client) => data(await client.auth.mfa.getAuthenticatorAssuranceLevel());

/** Somebody who has enrolled a factor and not yet shown it. */
async function enrolled() {
  const user = await signedUp();
  const factor = data(await user.client.auth.mfa.enroll({ factorType: "totp", friendlyName: "phone" }));
  return { ...user, factor };
}

/** Somebody who has shown a second factor. */
async function raised() {
  const user = await enrolled();
  const answer = { factorId: user.factor.id, code: codeOf(user.factor.totp.secret) };
  data(await user.client.auth.mfa.challengeAndVerify(answer));
  return user;
}

test("an enrolled factor comes with a QR code", async () => {
  const { factor } = await enrolled();
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml/);
});

test("a factor that was not shown yet does not count", async () => {
  const { client } = await enrolled();
  assert.equal((await level(client)).nextLevel, "aal1");
});

test("a challenge that is answered raises the session", async () => {
  const { client } = await raised();
  assert.equal((await level(client)).currentLevel, "aal2");
});

test("challenge and verify are two steps for who wants two", async () => {
  const { client, factor } = await enrolled();
  const challenge = data(await client.auth.mfa.challenge({ factorId: factor.id }));
  const code = codeOf(factor.totp.secret);
  const answer = { factorId: factor.id, challengeId: challenge.id, code };
  assert.equal(data(await client.auth.mfa.verify(answer)).user.factors[0].status, "verified");
});

test("a wrong code is mfa_verification_failed", async () => {
  const { client, factor } = await enrolled();
  const wrong = codeOf(factor.totp.secret) === "000000" ? "000001" : "000000";
  const error = refusal(await client.auth.mfa.challengeAndVerify({ factorId: factor.id, code: wrong }));
  assert.equal(error.code, "mfa_verification_failed");
});

test("a raised session stays so when it is refreshed", async () => {
  const { client } = await raised();
  data(await client.auth.refreshSession());
  assert.equal((await level(client)).currentLevel, "aal2");
});

test("a later sign-in is asked for the factor", async () => {
  const { credentials } = await raised();
  const { client } = await signedIn(credentials);
  assert.deepEqual(await level(client).then(({ currentLevel, nextLevel }) => [currentLevel, nextLevel]), [
    "aal1",
    "aal2",
  ]);
});

test("listFactors tells the verified ones", async () => {
  const { client, factor } = await raised();
  assert.deepEqual(data(await client.auth.mfa.listFactors()).totp.map(({ id }) => id), [factor.id]);
});

test("a raised session removes its factor", async () => {
  const { client, factor } = await raised();
  data(await client.auth.mfa.unenroll({ factorId: factor.id }));
  assert.deepEqual(data(await client.auth.mfa.listFactors()).all, []);
});

test("a session without the factor does not remove it", async () => {
  const { credentials, factor } = await raised();
  const { client } = await signedIn(credentials);
  const error = refusal(await client.auth.mfa.unenroll({ factorId: factor.id }));
  assert.equal(error.code, "insufficient_aal");
});

test("an administrator removes a factor that was lost", async () => {
  const { factor, user } = await raised();
  const { mfa } = administrator().auth.admin;
  data(await mfa.deleteFactor({ userId: user.id, id: factor.id }));
  assert.deepEqual(data(await mfa.listFactors({ userId: user.id })).factors, []);
});

test("a user has the identity of the address", async () => {
  const { client, credentials } = await signedUp();
  const { identities } = data(await client.auth.getUserIdentities());
  assert.deepEqual(identities.map(({ provider, identity_data: { email } }) => [provider, email]), [
    ["email", credentials.email],
  ]);
});
