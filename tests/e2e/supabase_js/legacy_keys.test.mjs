// The HS256 keys of older bundles do what the new ones do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, data, keys, newCredentials, refusal, signedUp } from "./connect.mjs";

test("the anon key signs a user up", async () => {
  const { session } = data(await connect(keys.legacyAnon).auth.signUp(newCredentials()));
  assert.equal(session.token_type, "bearer");
});

test("the anon key with a session reads the user's rows", async () => {
  const client = connect(keys.legacyAnon);
  data(await client.auth.signUp(newCredentials()));
  data(await client.from("todos").insert({ title: "tidy the desk" }));
  assert.equal(data(await client.from("todos").select()).length, 1);
});

test("the anon key alone sees no row", async () => {
  const { client } = await signedUp();
  data(await client.from("todos").insert({ title: "wind the clock" }));
  assert.deepEqual(data(await connect(keys.legacyAnon).from("todos").select()), []);
});

test("the anon key is refused by the admin API", async () => {
  assert.equal(refusal(await connect(keys.legacyAnon).auth.admin.listUsers()).status, 403);
});

test("the service_role key may use the admin API", async () => {
  const { user } = await signedUp();
  const { admin } = connect(keys.legacyServiceRole).auth;
  assert.equal(data(await admin.getUserById(user.id)).user.id, user.id);
});

test("the service_role key passes row-level security", async () => {
  const { client, user } = await signedUp();
  data(await client.from("todos").insert({ title: "sort the post" }));
  const rows = connect(keys.legacyServiceRole).from("todos").select().eq("user_id", user.id);
  assert.equal(data(await rows).length, 1);
});
