// Follows one person through a browser. Says in one line of JSON what each step showed, and reads
// a line from its input where the person reads a mail.
// Arguments: the page, a page of a foreign origin, address, password.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import packed, { inflate } from "@sparticuz/chromium";
import { chromium } from "playwright-core";

const [home, foreign, email, password] = process.argv.slice(2);
const input = createInterface({ input: process.stdin });
const tell = (step, saw) => console.log(JSON.stringify({ step, saw }));

// Both unpack into the temporary folder, unless they are there: the test names one that is kept.
const executablePath = await packed.executablePath();
const bundled = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "../bin");
const libraries = await inflate(join(bundled, "al2023.tar.br"));

const browser = await chromium.launch({
  executablePath,
  // Not the package's own arguments: they switch off what keeps one origin from another.
  args: ["--no-sandbox", "--no-zygote", "--disable-gpu"],
  env: { ...process.env, LD_LIBRARY_PATH: join(libraries, "lib"), HOME: tmpdir() },
});
try {
  const page = await (await browser.newContext()).newPage();
  const text = (id) => page.textContent(`#${id}`);
  const shows = (id, what) => page.waitForFunction(
    ([id, what]) => document.getElementById(id)?.textContent.startsWith(what), [id, what]);

  async function signUp(address) {
    await page.goto(address);
    await shows("notice", "ready");
    await page.fill("[name=email]", email);
    await page.fill("[name=password]", password);
    await page.click("text=Sign up");
    await page.waitForFunction(() => document.getElementById("notice").textContent !== "ready");
    return text("notice");
  }

  tell("sign-up from a foreign origin", await signUp(foreign));
  tell("sign-up", await signUp(home));
  tell("before the mail is read", await text("state"));

  const [link] = await once(input, "line");
  await page.goto(link);
  await shows("state", "signed in");
  tell("link", await text("state"));
  await shows("notice", "the server knows");
  tell("user", await text("notice"));
  tell("address bar", page.url());

  await page.goto(home);
  await shows("state", "signed in");
  tell("later visit", await text("state"));

  await page.click("#sign-out");
  await shows("state", "nobody");
  await page.goto(home);
  await shows("notice", "ready");
  tell("visit after sign-out", await text("state"));
} finally {
  await browser.close();
  input.close();
}
