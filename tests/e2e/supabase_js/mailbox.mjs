// The stack's mail sink: what it caught for an address, and where its links lead.
import { setTimeout as sleep } from "node:timers/promises";
import { setting } from "./connect.mjs";

const ARRIVES_WITHIN_MILLISECONDS = 20_000;

async function ask(path) {
  const response = await fetch(`${setting("PLINTH_MAIL_URL")}/api/v1/${path}`);
  if (!response.ok) throw new Error(`the mail sink answered ${response.status}`);
  return response.json();
}

/** Calls until there is a result that is wanted, or the time is over. */
async function eventually(call, isWanted) {
  const deadline = Date.now() + ARRIVES_WITHIN_MILLISECONDS;
  for (;;) {
    const result = await call();
    if (isWanted(result) || Date.now() > deadline) return result;
    await sleep(100);
  }
}

/** The newest mail to an address: its link, the link's token, and the code to type in. */
export async function newestMail(address) {
  const search = `search?query=${encodeURIComponent(`to:${address}`)}`;
  const { messages } = await eventually(() => ask(search), (found) => found.messages.length > 0);
  if (messages.length === 0) throw new Error(`no mail to ${address}`);
  const { Text: text } = await ask(`message/${messages[0].ID}`);
  const link = text.match(/https?:\/\/\S+\/verify\?\S+/)?.[0];
  return {
    link,
    token: link && new URL(link).searchParams.get("token"),
    code: text.match(/\b\d{6}\b/)?.[0],
  };
}

/** Where a link leads: its query and its fragment, as a page finds them. */
export async function follow(link) {
  const response = await fetch(link, { redirect: "manual" });
  const location = new URL(response.headers.get("location"));
  return {
    ...Object.fromEntries(location.searchParams),
    ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
  };
}

/**
 * What `use` makes of the newest mail. The sink has it a moment before the transaction that sent
 * it is committed: until then its token is refused.
 */
export async function withNewestMail(address, use) {
  const mail = await newestMail(address);
  return eventually(() => use(mail), (result) => !result.error);
}
