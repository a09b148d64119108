// The admin API: for the secret key alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { administrator, connect, data, newCredentials, refusal, signedIn, signedUp } from "./connect.mjs";

const create = async (attributes) =>
  data(await administrator().auth.admin.createUser(attributes)).user;

test("createUser makes a user who can sign in", async () => {
  const credentials = newCredentials();
  const user = await create({ ...credentials, email_confirm: true });
  const { session } = await signedIn(credentials);
  assert.equal(session.user.id, user.id);
});

test("createUser refuses an address that is taken", async () => {
  const { credentials } = await signedUp();
  const error = refusal(await administrator().auth.admin.createUser(credentials));
  assert.equal(error.code, "email_exists");
});

test("listUsers finds who has just signed up", async () => {
  const { user } = await signedUp();
  const { users } = data(await administrator().auth.admin.listUsers());
  assert.ok(users.some(({ id }) => id === user.id));
});

test("listUsers gives a page of the size asked for", async () => {
  await signedUp();
  await signedUp();
  const { users } = data(await administrator().auth.admin.listUsers({ page: 1, perPage: 1 }));
  assert.equal(users.length, 1);
});

test("listUsers says which page is next", async () => {
  await signedUp();
  await signedUp();
  const { nextPage } = data(await administrator().auth.admin.listUsers({ page: 1, perPage: 1 }));
  assert.equal(nextPage, 2);
});

test("getUserById reads one user", async () => {
  const { user, credentials } = await signedUp();
  const found = data(await administrator().auth.admin.getUserById(user.id)).user;
  assert.equal(found.email, credentials.email);
});

test("updateUserById changes what the user cannot", async () => {
  const { user } = await signedUp();
  const change = { app_metadata: { plan: "gold" } };
  const changed = data(await administrator().auth.admin.updateUserById(user.id, change)).user;
  assert.equal(changed.app_metadata.plan, "gold");
});

test("a banned user cannot sign in", async () => {
  const { user, credentials } = await signedUp();
  data(await administrator().auth.admin.updateUserById(user.id, { ban_duration: "1h" }));
  const error = refusal(await connect().auth.signInWithPassword(credentials));
  assert.equal(error.code, "user_banned");
});

test("deleteUser removes the user", async () => {
  const { user } = await signedUp();
  data(await administrator().auth.admin.deleteUser(user.id));
  const error = refusal(await administrator().auth.admin.getUserById(user.id));
  assert.equal(error.code, "user_not_found");
});

test("deleteUser removes the user's rows", async () => {
  const { client, user } = await signedUp();
  data(await client.from("todos").insert({ title: "forget me" }));
  data(await administrator().auth.admin.deleteUser(user.id));
  const rows = data(await administrator().from("todos").select().eq("user_id", user.id));
  assert.deepEqual(rows, []);
});

test("the publishable key is refused", async () => {
  assert.equal(refusal(await connect().auth.admin.listUsers()).status, 403);
});

test("a signed-in user is refused", async () => {
  const { session } = await signedUp();
  const response = await fetch(`${process.env.PLINTH_URL}/auth/v1/admin/users`, {
    headers: {
      apikey: process.env.PLINTH_PUBLISHABLE_KEY,
      Authorization: `Bearer ${session.access_token}`,
    },
  });
  assert.equal(response.status, 403);
});
