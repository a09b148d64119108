// The mail sink's page: the list of messages on the left, the chosen one on the right.
// It speaks Mailpit's API (https://mailpit.axllent.org/docs/api-v1/) and asks again every few
// seconds. Text from messages is only ever set as text; their HTML is shown in a sandboxed frame.

const SECONDS_BETWEEN_LOOKS = 3;
const MESSAGES_SHOWN = 100;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function address({ Name, Address }) {
  return Name ? `${Name} <${Address}>` : Address;
}

const list = element("ol");
const status = element("p", { className: "status" });
const shown = element("main");
document.getElementById("app").replaceChildren(
  element("nav", {}, element("h1", { textContent: "Mail" }), status, list),
  shown,
);

// The links of a message open in a tab of their own; it runs no script here.
function frame(path) {
  return element("iframe", {
    src: path,
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
    title: "message",
  });
}

function show(message) {
  if (!message) return shown.replaceChildren();
  const views = element(
    "p",
    {},
    ...["html", "txt"].flatMap((kind) => [
      element("a", { href: `/view/${message.ID}.${kind}`, textContent: kind }),
      " ",
    ]),
    element("a", { href: `/api/v1/message/${message.ID}/raw`, textContent: "source" }),
  );
  shown.replaceChildren(
    element("h2", { textContent: message.Subject || "(no subject)" }),
    element("p", { textContent: `From ${address(message.From)}` }),
    element("p", { textContent: `To ${(message.To ?? []).map(address).join(", ")}` }),
    views,
    frame(`/view/${message.ID}.html`),
  );
}

// The address names the chosen message, so that it can be kept and the browser's Back works.
function showChosen() {
  show(known.get(location.hash.slice(1)));
}

function row(message) {
  const link = element(
    "a",
    { href: `#${message.ID}` },
    element("strong", { textContent: message.Subject || "(no subject)" }),
    element("span", { textContent: (message.To ?? []).map(address).join(", ") }),
    element("time", {
      dateTime: message.Created,
      textContent: new Date(message.Created).toLocaleString(),
    }),
    element("span", { className: "snippet", textContent: message.Snippet }),
  );
  return element("li", {}, link);
}

let newest;
let known = new Map();

async function look() {
  try {
    const answer = await fetch(`/api/v1/messages?limit=${MESSAGES_SHOWN}`);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const { messages, total } = await answer.json();
    const seen = `${total} ${messages[0]?.ID}`;
    if (seen !== newest) {
      newest = seen;
      known = new Map(messages.map((message) => [message.ID, message]));
      list.replaceChildren(...messages.map(row));
      if (!shown.hasChildNodes()) showChosen();
    }
    status.textContent = total
      ? `${total} messages, the newest first`
      : "Nothing yet. What the environment sends arrives here and goes nowhere else.";
  } catch (error) {
    status.textContent = `The mail sink does not answer (${error.message}).`;
  }
  setTimeout(look, SECONDS_BETWEEN_LOOKS * 1000);
}

addEventListener("hashchange", showChosen);
look();
