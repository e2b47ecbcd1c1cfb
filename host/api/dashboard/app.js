// The dashboard's beginning: asks for everything, listens, and asks again for what may have changed.
//
// Every question is one of the daemon's own endpoints and bounded by it. While the page is hidden it only
// listens. Nothing is asked twice at once, and a slow answer is waited for instead of asked again.

import { SignInNeeded, act, ask, listen, token } from "./app/ask.js";
import { fill } from "./app/draw.js";
import * as parts from "./app/parts.js";
import { clock, plural, truthText } from "./app/words.js";

const FILLS_SHOWN = 40;
const DEAD_SHOWN = 20;
/// How often each question is asked when nothing calls for it, in milliseconds.
const EVERY = { heart: 3000, groups: 6000, outbox: 6000, fills: 60e3, timeline: 60e3, plugins: 15e3 };
/// News are gathered for so long before they are asked about, in milliseconds.
const GATHERED = 250;

const $ = (id) => document.getElementById(id);
const body = (id) => $(id).querySelector(".body");
const say = (text) => { $("say-politely").textContent = text; };
const shout = (text) => { $("say-now").textContent = text; };

const known = { hours: 24, fills: [], fresh: new Set(), open: null };
const seen = new Map();

/// Puts a part of the page anew if its answer is another one than before.
function put(id, answer, make) {
  const text = JSON.stringify(answer);
  if (seen.get(id) === text) return;
  seen.set(id, text);
  fill(body(id), make());
}

const questions = {
  async heart() {
    const [status, health] = await Promise.all([ask("/status"), ask("/health", [503])]);
    known.status = status;
    known.health = health;
    put("coverage", [status.coverage, Math.floor(Date.parse(status.timestamp) / 2000)], () => parts.coverage(status));
    parts.putVerdict($("verdict-blind"), parts.sight(status, health));
    letters();
  },
  async groups() {
    const [groups, divergences] = await Promise.all([ask("/groups"), ask("/divergences?open=true")]);
    put("groups", groups.groups, () => parts.groups(groups));
    const open = divergences.divergences;
    $("divergences").hidden = open.length === 0;
    put("divergences", open, () => parts.divergences(divergences));
    parts.putVerdict($("verdict-agree"), parts.agreement(groups, divergences));
    announce(open.filter((one) => one.state === "confirmed"));
  },
  async outbox() {
    const [dead, pending, sent] = await Promise.all([
      ask(`/outbox?state=dead&limit=${DEAD_SHOWN}`), ask("/outbox?state=pending&limit=50"), ask("/outbox?state=sent&limit=1"),
    ]);
    known.letters = { dead, pending, sent };
    letters();
  },
  async fills() {
    const answer = await ask(`/fills?limit=${FILLS_SHOWN}`);
    known.fills = answer.fills;
    showFills();
  },
  async timeline() {
    const since = new Date(Date.now() - known.hours * 36e5).toISOString();
    const answer = await ask(`/timeline?since=${since}`);
    put("time", [answer.steps, answer.pnl], () => parts.timeline(answer));
  },
  async plugins() {
    const answer = await ask("/plugins?limit=20");
    put("plugins", [answer.plugins, answer.events], () => parts.plugins(answer));
  },
};

function letters() {
  if (!known.letters || !known.status) return;
  const { dead, pending, sent } = known.letters;
  put("outbox", [known.status.outbox, dead.messages], () => parts.outbox(known.status, dead, again));
  parts.putVerdict($("verdict-alerts"), parts.telling(known.status, dead, pending, sent, Date.now()));
}

/// Says what newly differs, and what agrees again, to whoever does not look.
function announce(open) {
  const now = new Map(open.map((one) => [one.id, one]));
  if (known.open !== null) {
    const came = open.filter((one) => !known.open.has(one.id));
    const went = [...known.open.values()].filter((one) => !now.has(one.id));
    if (came.length > 0) shout(`Accounts differ: ${came.map((one) => `${one.symbol} ${one.side}, ${one.account} ${truthText(one.truth)}`).join("; ")}`);
    else if (went.length > 0) say(`No longer different: ${went.map((one) => `${one.symbol}, ${one.account}`).join("; ")}`);
  }
  known.open = now;
  document.title = open.length > 0 ? `(${open.length}) accounts differ · fillsync` : "fillsync";
}

function showFills() {
  put("fills", known.fills, () => parts.fills(known.fills, known.fresh));
}

const unsaid = [];
function newFill(one) {
  if (known.fills.some((other) => other.id === one.id)) return;
  known.fresh.add(one.id);
  setTimeout(() => known.fresh.delete(one.id), 3000);
  known.fills = [one, ...known.fills]
    .sort((a, b) => (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : b.id - a.id))
    .slice(0, FILLS_SHOWN);
  unsaid.push(one);
  soon("show-fills", GATHERED / 2, () => {
    showFills();
    const news = unsaid.splice(0);
    if (news.length === 1) say(`${news[0].account}: ${news[0].symbol} ${news[0].side === "BUY" ? "buy" : "sell"} ${news[0].quantity} at ${news[0].price} filled`);
    else say(`${plural(news.length, "new fill", "new fills")}`);
  });
}

// ---- asking in time ----

const timers = new Map();
function soon(name, ms, then) {
  if (timers.has(name)) return;
  timers.set(name, setTimeout(() => { timers.delete(name); then(); }, ms));
}

const running = new Map();
/// Asks a question unless it is being asked; then once more after the answer.
async function question(name) {
  if (running.has(name)) { running.set(name, true); return; }
  running.set(name, false);
  try {
    await questions[name]();
    trouble(name, null);
  } catch (error) {
    if (error instanceof SignInNeeded) signIn();
    else trouble(name, error);
  }
  const again = running.get(name);
  running.delete(name);
  if (again) soon(`ask-${name}`, GATHERED, () => question(name));
}

const troubles = new Map();
function trouble(name, error) {
  if (error) troubles.set(name, error.message); else troubles.delete(name);
  const texts = [...new Set(troubles.values())];
  $("trouble").hidden = texts.length === 0;
  const text = texts.length === 0 ? "" : `The daemon does not answer as it should; what you see may be old. ${texts.join(" · ")}`;
  if ($("trouble").textContent !== text) $("trouble").textContent = text;
}

function everything() { for (const name of Object.keys(questions)) question(name); }

function told(name, data) {
  if (name === "fill") newFill(data);
  if (name === "start") { everything(); return; }
  soon("ask-groups", GATHERED, () => question("groups"));
  soon("ask-heart", GATHERED, () => question("heart"));
  soon("ask-outbox", 4 * GATHERED, () => question("outbox"));
  soon("ask-timeline", 4 * GATHERED, () => question("timeline"));
  if (name === "event" && data.event.startsWith("plugin_")) soon("ask-plugins", GATHERED, () => question("plugins"));
}

function connection(state) {
  $("live").dataset.state = state;
  $("live-text").textContent = { on: "live", lost: "connection lost", off: "signed out" }[state];
}

async function begin() {
  $("sign-out").hidden = token.get() === null;
  try {
    await listen(told, connection);
  } catch (error) {
    if (error instanceof SignInNeeded) signIn();
    else throw error;
  }
}

// ---- sign in, send again, theme, span ----

function signIn() {
  const dialog = $("sign-in");
  if (dialog.open) return;
  $("sign-in-wrong").textContent = token.get() === null ? "" : "This token is not the daemon’s.";
  token.forget();
  dialog.showModal();
}

$("sign-in").addEventListener("cancel", (event) => event.preventDefault());
$("sign-in").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  token.set($("token").value.trim());
  try {
    await ask("/status");
    $("token").value = "";
    $("sign-in-wrong").textContent = "";
    $("sign-in").close();
    begin();
  } catch (error) {
    token.forget();
    $("sign-in-wrong").textContent = error instanceof SignInNeeded ? "This token is not the daemon’s." : error.message;
    $("token").focus();
  }
});
$("sign-out").addEventListener("click", () => { token.forget(); location.reload(); });

async function again(message, button) {
  button.disabled = true;
  try {
    await act(`/outbox/${message.id}/send-again`);
    say(`${message.channel}: it is sent again`);
  } catch (error) {
    if (error instanceof SignInNeeded) { signIn(); return; }
    shout(`It could not be sent again: ${error.message}`);
    trouble("again", error);
    setTimeout(() => trouble("again", null), 8000);
  }
  await Promise.all([question("outbox"), question("heart")]);
}

const THEMES = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $("theme").textContent = THEMES[name];
  localStorage.setItem("fillsync.theme", name);
}
$("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const now = document.documentElement.dataset.theme ?? "auto";
  theme(names[(names.indexOf(now) + 1) % names.length]);
});
const kept = localStorage.getItem("fillsync.theme");
theme(Object.hasOwn(THEMES, kept ?? "") ? kept : "auto");

for (const button of $("time").querySelectorAll("button")) {
  button.addEventListener("click", () => {
    known.hours = Number(button.dataset.hours);
    for (const other of $("time").querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
    question("timeline");
  });
}

for (const [name, ms] of Object.entries(EVERY)) {
  setInterval(() => { if (!document.hidden && !$("sign-in").open) question(name); }, ms);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) everything(); });
setInterval(() => { $("clock").textContent = `${clock(new Date().toISOString())} UTC`; }, 1000);

begin();
