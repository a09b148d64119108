// Rows of the example table `todos`, which only their owner can see or change.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { administrator, connect, data, refusal, signedUp } from "./connect.mjs";

let alice;
let bob;

before(async () => {
  alice = await signedUp();
  bob = await signedUp();
});

const add = async (owner, title) =>
  data(await owner.client.from("todos").insert({ title }).select().single());

const read = (client, row) => client.from("todos").select().eq("id", row.id);

test("a new row belongs to who wrote it", async () => {
  const row = await add(alice, "water the plants");
  assert.equal(row.user_id, alice.user.id);
});

test("several rows can be written at once", async () => {
  const rows = [{ title: "one" }, { title: "two" }];
  assert.equal(data(await alice.client.from("todos").insert(rows).select()).length, 2);
});

test("its owner reads it", async () => {
  const row = await add(alice, "feed the cat");
  assert.deepEqual(data(await read(alice.client, row)), [row]);
});

test("another user does not see it", async () => {
  const row = await add(alice, "call the dentist");
  assert.deepEqual(data(await read(bob.client, row)), []);
});

test("nobody sees it without signing in", async () => {
  const row = await add(alice, "buy stamps");
  assert.deepEqual(data(await read(connect(), row)), []);
});

test("the secret key sees it", async () => {
  const row = await add(alice, "paint the fence");
  assert.deepEqual(data(await read(administrator(), row)), [row]);
});

test("its owner changes it", async () => {
  const row = await add(alice, "learn to juggle");
  const change = alice.client.from("todos").update({ done: true }).eq("id", row.id);
  assert.equal(data(await change.select().single()).done, true);
});

test("another user changes nothing", async () => {
  const row = await add(alice, "read a book");
  const change = bob.client.from("todos").update({ done: true }).eq("id", row.id);
  assert.deepEqual(data(await change.select()), []);
});

test("its owner deletes it", async () => {
  const row = await add(alice, "mow the lawn");
  data(await alice.client.from("todos").delete().eq("id", row.id));
  assert.deepEqual(data(await read(alice.client, row)), []);
});

test("another user deletes nothing", async () => {
  const row = await add(alice, "bake bread");
  data(await bob.client.from("todos").delete().eq("id", row.id));
  assert.deepEqual(data(await read(alice.client, row)), [row]);
});

test("a row for another user is refused by its policy", async () => {
  const gift = { title: "gift", user_id: alice.user.id };
  assert.equal(refusal(await bob.client.from("todos").insert(gift)).code, "42501");
});

test("a row cannot be given away", async () => {
  const row = await add(bob, "sell the car");
  const change = bob.client.from("todos").update({ user_id: alice.user.id }).eq("id", row.id);
  assert.equal(refusal(await change).code, "42501");
});

test("a row that breaks a constraint is refused by the database", async () => {
  assert.equal(refusal(await alice.client.from("todos").insert({ title: "" })).code, "23514");
});

test("an unknown table is PostgREST's own error", async () => {
  assert.equal(refusal(await alice.client.from("nowhere").select()).code, "42P01");
});

test("rows come filtered, sorted and cut to size", async () => {
  const { client } = await signedUp();
  data(await client.from("todos").insert([{ title: "c" }, { title: "a" }, { title: "b" }]));
  const query = client.from("todos").select("title").neq("title", "c").order("title").limit(1);
  assert.deepEqual(data(await query), [{ title: "a" }]);
});

test("rows can be counted without reading them", async () => {
  const { client } = await signedUp();
  data(await client.from("todos").insert([{ title: "a" }, { title: "b" }]));
  const { count } = await client.from("todos").select("*", { count: "exact", head: true });
  assert.equal(count, 2);
});

test("an anonymous user has rows of its own", async () => {
  const client = connect();
  const { user } = data(await client.auth.signInAnonymously());
  const row = data(await client.from("todos").insert({ title: "look around" }).select().single());
  assert.equal(row.user_id, user.id);
});
