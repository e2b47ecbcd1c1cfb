// Drives a headless Chromium as the test on the other side of the pipe says: one JSON command a line on
// standard input, one JSON answer a line on standard output. What a page asked, complained about and broke
// is kept and can be read. It knows nothing of the dashboard.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, executablePath] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

// A fresh empty profile in a temporary folder; nothing but the page itself goes out.
const browser = await chromium.launch({
  executablePath, headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

let page;
let context;
let asked = [];
let complaints = [];

const commands = {
  async open({ url, width, height, dark, phone }) {
    await context?.close();
    asked = [];
    complaints = [];
    context = await browser.newContext({
      viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce",
      deviceScaleFactor: phone ? 2 : 1, hasTouch: Boolean(phone), isMobile: Boolean(phone), serviceWorkers: "block",
    });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const began = new Map();
    page.on("request", (request) => began.set(request, performance.now()));
    page.on("response", (response) => {
      const request = response.request();
      asked.push({ url: request.url(), method: request.method(), status: response.status(), ms: performance.now() - (began.get(request) ?? 0) });
    });
    page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(url, { waitUntil: "load" });
  },
  evaluate: ({ script }) => page.evaluate(script),
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.insertText(text),
  click: ({ selector }) => page.click(selector),
  async screenshot({ path, full }) { await page.screenshot({ path, fullPage: Boolean(full) }); },
  // The rules of WCAG 2.2 A and AA, and what axe holds to be good practice.
  async axe() {
    await page.evaluate(await (await import("node:fs/promises")).readFile(axe, "utf8"));
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return found.violations.map((one) => ({ id: one.id, impact: one.impact, help: one.help, nodes: one.nodes.slice(0, 5).map((node) => `${node.target}: ${node.failureSummary}`) }));
  },
  asked: () => asked,
  complaints: () => complaints,
};

console.log(JSON.stringify({ ready: browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ answer: (await commands[command](rest)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.stack ?? error) }));
  }
}
await browser.close();
