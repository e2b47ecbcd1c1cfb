// The parts of the page, each made from one answer of the daemon. Nothing is decided here: what agrees,
// what is proven and what was sent is said by the daemon, and only put into words.

import { bars, h, line, spans } from "./draw.js";
import { GLYPHS, clock, count, isDiverged, isUnsaid, mood, plural, short, span, stateText, truthText } from "./words.js";

const tag = (text, look = "") => h("span", { class: `tag ${look}` }, text);
const none = (text) => h("p", { class: "empty" }, text);

// ---- the three answers ----

/// Do the accounts agree? Only what is proven is claimed.
export function agreement(groups, divergences) {
  const compared = groups.groups.filter((group) => group.members.length > 1);
  const open = divergences.divergences.filter((one) => one.state === "confirmed");
  if (open.length > 0) {
    const symbols = [...new Set(open.map((one) => one.symbol))];
    const accounts = [...new Set(open.map((one) => one.account))];
    const differ = accounts.length === 1 ? "differs" : "differ";
    const more = divergences.next !== null ? "at least " : "";
    return { state: "bad", answer: `No: ${accounts.join(", ")} ${differ} in ${symbols.slice(0, 3).join(", ")}${symbols.length > 3 ? ` and ${symbols.length - 3} more` : ""}`, detail: `${more}${plural(open.length, "slot", "slots")} proven to differ, since ${clock(open[open.length - 1].first_at)}` };
  }
  if (compared.length === 0) return { state: "wait", answer: "Nothing to compare", detail: "no group has two accounts" };
  const cycles = compared.flatMap((group) => group.cycles);
  const current = cycles.filter((cycle) => cycle.closed_at === null);
  const unsaid = current.filter((cycle) => isUnsaid(cycle.truth));
  if (unsaid.length > 0) {
    return { state: "warn", answer: "Not proven yet", detail: `${unsaid.map((cycle) => cycle.symbol).slice(0, 4).join(", ")}: no difference seen, but not all is seen` };
  }
  if (cycles.length === 0) return { state: "good", answer: "No trade yet", detail: "nothing has filled in any group" };
  const differed = current.filter((cycle) => isDiverged(cycle.truth));
  if (differed.length > 0) return { state: "warn", answer: "Not yet", detail: `${differed.map((cycle) => cycle.symbol).join(", ")}: being looked at` };
  const what = current.length > 0 ? plural(current.length, "open trade", "open trades") : "no open trade; all before agreed";
  return { state: "good", answer: "Yes, they agree", detail: `${what}, ${plural(compared.length, "group", "groups")}` };
}

/// Proof that is older than this is called blind, in milliseconds.
const LAG_MS_MAX = 120e3;

/// Is anything blind? What is not proven, and who does not answer.
export function sight(status, health) {
  const ill = health.reasons;
  const accounts = status.coverage;
  if (ill.length > 0) return { state: "bad", answer: ill.length === 1 ? "Yes" : `Yes, ${ill.length} things`, detail: ill.slice(0, 2).join("; ") };
  if (accounts.length === 0) return { state: "wait", answer: "Nothing is watched yet", detail: "no account has been read" };
  const gaps = accounts.flatMap((account) => account.gaps.map((gap) => [account.account, gap]));
  const fillable = gaps.filter(([, gap]) => !gap.unfillable);
  const unproven = accounts.filter((account) => account.complete_to === null);
  if (unproven.length > 0) return { state: "bad", answer: `${unproven[0].account} is not proven at all`, detail: "its first reading has not reached its end" };
  if (fillable.length > 0) {
    const [account, gap] = fillable[0];
    return { state: "warn", answer: `${plural(fillable.length, "gap", "gaps")} in ${[...new Set(fillable.map(([name]) => name))].join(", ")}`, detail: `${account}: ${clock(gap.from)} to ${clock(gap.to)}, tried again` };
  }
  const behind = accounts.filter((account) => account.categories.some((one) => (one.lag_ms ?? 0) > LAG_MS_MAX));
  if (behind.length > 0) return { state: "bad", answer: `${behind.map((account) => account.account).join(", ")} ${behind.length === 1 ? "is" : "are"} behind`, detail: `nothing is proven after ${clock(behind[0].complete_to)}` };
  const lag = Math.max(...accounts.flatMap((account) => account.categories.map((one) => one.lag_ms ?? 0)));
  const lost = gaps.length > 0 ? `; ${plural(gaps.length, "old gap", "old gaps")} the venue cannot fill` : "";
  return { state: gaps.length > 0 ? "warn" : "good", answer: gaps.length > 0 ? "Not now" : "No, all is seen", detail: `${plural(accounts.length, "account", "accounts")} proven up to ${span(lag)} ago${lost}` };
}

/// Did alerts go out?
export function telling(status, dead, pending, sent, now) {
  const { outbox } = status;
  if (dead.count > 0) {
    const more = dead.next === null ? "" : "more than ";
    return { state: "bad", answer: `${more}${plural(dead.count, "message was", "messages were")} given up`, detail: `${[...new Set(dead.messages.map((one) => one.channel))].join(", ")}: ${dead.messages[0].last_error ?? "no reason told"}` };
  }
  const oldest = pending.messages.at(-1);
  const age = oldest ? now - Date.parse(oldest.created_at) : 0;
  const newest = sent.messages[0];
  if (outbox.pending > 0 && age > 30e3) return { state: "warn", answer: `${plural(outbox.pending, "message waits", "messages wait")}`, detail: `the oldest for ${span(age)}${oldest.last_error ? `: ${oldest.last_error}` : ""}` };
  if (!newest && outbox.pending === 0) return { state: outbox.sent > 0 ? "good" : "wait", answer: outbox.sent > 0 ? "Yes, all of them" : "None was due", detail: `${count(status.alerts)} alerts recorded` };
  return { state: "good", answer: outbox.pending > 0 ? "Yes, going out now" : "Yes, all of them", detail: newest ? `the last at ${clock(newest.finished_at)} to ${newest.channel}; ${count(outbox.sent)} in all` : "" };
}

export function putVerdict(element, { state, answer, detail }) {
  const changed = element.dataset.state !== state || element.querySelector(".answer").textContent !== answer;
  element.dataset.state = state;
  element.querySelector(".answer").textContent = answer;
  element.querySelector(".detail").textContent = detail;
  return changed;
}

// ---- divergences ----

export function divergences(answer) {
  const rows = answer.divergences.map((one) => h("tr", {},
    h("th", { scope: "row" }, `${one.symbol} ${one.side}`, h("small", { class: "note" }, ` cycle ${one.cycle}`)),
    h("td", {}, one.account),
    h("td", {}, tag(truthText(one.truth), one.state === "confirmed" ? "bad" : "warn"), one.state === "confirmed" ? null : " suspected"),
    h("td", { class: "time" }, clock(one.first_at)),
    h("td", { class: "time" }, one.confirmed_at ? clock(one.confirmed_at) : "not yet"),
    h("td", {}, one.group)));
  return [h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Accounts that differ", "data-scroll": "divergences", "data-key": "divergences" },
    h("table", {},
      h("thead", {}, h("tr", {}, ["Trade", "Account", "Truth", "Filled elsewhere", "Proven", "Group"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows))),
    answer.next !== null && h("p", { class: "note" }, `The newest ${answer.count} are shown; /divergences has all.`)];
}

// ---- groups ----

export function groups(answer) {
  if (answer.groups.length === 0) return [none("The configuration has no group.")];
  return answer.groups.map((group) => {
    const shown = group.cycles.filter((cycle) => cycle.closed_at === null || cycle.divergences.length > 0);
    const over = group.cycles.filter((cycle) => !shown.includes(cycle));
    const first = shown.length === 0 ? over.splice(0, 2) : [];
    return h("article", { class: "group", "aria-label": `Group ${group.group}` },
      h("div", { class: "group-head" },
        h("h3", {}, group.group),
        tag(group.strategy ?? "own counts"),
        h("span", { class: "note" }, group.members.map((member) => (member.role === member.account ? member.account : `${member.account} (${member.role})`)).join(" · "))),
      shown.length + first.length === 0 ? none("Nothing has filled here yet.") : null,
      h("div", { class: "cycles" }, [...shown, ...first].map((cycle) => cycleCard(group, cycle))),
      over.length > 0 && h("details", { "data-key": `over-${group.group}` },
        h("summary", { "data-key": `over-summary-${group.group}` }, `${plural(over.length, "earlier trade", "earlier trades")}`),
        h("div", { class: "cycles" }, over.map((cycle) => cycleCard(group, cycle)))));
  });
}

function cycleCard(group, cycle) {
  const differs = cycle.divergences.some((one) => one.state === "confirmed");
  const names = cycle.accounts.length > 0 ? cycle.accounts : group.members;
  const when = cycle.closed_at ? `closed ${clock(cycle.closed_at)}` : `open since ${clock(cycle.opened_at)}`;
  const title = `${cycle.symbol} ${cycle.side}`;
  const notes = [...new Set(cycle.accounts.map((one) => one.note).filter(Boolean))];
  return h("section", { class: `cycle ${differs ? "differs" : ""}`, "aria-label": `${title}, cycle ${cycle.cycle}` },
    h("div", { class: "cycle-head" },
      h("h4", {}, title), h("span", { class: "note" }, `cycle ${cycle.cycle}`),
      tag(truthText(cycle.truth), mood(cycle.truth)),
      h("span", { class: "when" }, when)),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `${title}, cycle ${cycle.cycle}, slot by slot`, "data-key": `slots-${group.group}-${title}-${cycle.cycle}` },
      h("table", { class: "slots" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "unseen" }, "Slot")),
          names.map((one) => h("th", { scope: "col" }, one.account, one.role === one.account ? null : h("small", {}, ` ${one.role}`))))),
        h("tbody", {}, cycle.slots.map((slot) => slotRow(slot, names))),
        cycle.accounts.length > 0 && h("tbody", { class: "values" },
          valueRow("detected", cycle, (one) => `${one.at_least ? "≥ " : ""}${one.detected}`),
          valueRow("shown", cycle, (one) => one.shown ?? "–", (one) => one.shown !== one.detected),
          h("tr", {}, h("th", { scope: "row" }, "truth"), cycle.accounts.map((one) =>
            h("td", { class: "truth" }, tag(truthText(one.truth), mood(one.truth)))))))),
    cycle.fallback !== null && h("p", { class: "note" }, `Not synchronised: the strategy gave no answer (${cycle.fallback}).`),
    notes.length > 0 && h("p", { class: "note" }, notes.join("; ")));
}

function slotRow(slot, names) {
  const sure = slot.confidence < 100 ? ` (matched by ${slot.matched_by}, ${slot.confidence} % sure)` : "";
  return h("tr", {},
    h("th", { scope: "row", title: `matched by ${slot.matched_by}, ${slot.confidence} % sure` },
      `L${slot.slot}`, h("small", {}, slot.price === null ? "" : ` @${slot.price}`), h("span", { class: "unseen" }, sure)),
    names.map((one) => {
      const leg = slot.legs.find((leg) => leg.account === one.account);
      if (!leg) return h("td", {}, h("span", { class: "leg", "data-state": "missing" }, h("span", { class: "glyph", "aria-hidden": true }, GLYPHS.missing), " none"));
      const isPart = leg.filled_quantity !== "0" && leg.filled_quantity !== leg.quantity;
      const amount = isPart ? `${leg.filled_quantity}/${leg.quantity}` : leg.quantity;
      return h("td", {},
        h("span", { class: "leg", "data-state": leg.state }, h("span", { class: "glyph", "aria-hidden": true }, GLYPHS[leg.state] ?? "?"), ` ${stateText(leg.state)} ${amount}`),
        isDiverged(leg.truth) || isUnsaid(leg.truth) ? [" ", tag(truthText(leg.truth), mood(leg.truth))] : null);
    }));
}

function valueRow(name, cycle, value, isOdd = () => false) {
  return h("tr", {}, h("th", { scope: "row" }, name), cycle.accounts.map((one) =>
    h("td", { class: isOdd(one) ? "odd" : null }, String(value(one)), isOdd(one) ? h("small", {}, one.synchronised ? " synchronised" : " not synchronised") : null)));
}

// ---- fills ----

export function fills(rows, fresh) {
  if (rows.length === 0) return [none("No fill yet.")];
  return [h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Latest fills", "data-scroll": "fills", "data-key": "fills" },
    h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "Account"), h("th", { scope: "col" }, "Symbol"), h("th", { scope: "col" }, "Side"),
        h("th", { scope: "col", class: "number" }, "Quantity"), h("th", { scope: "col", class: "number" }, "Price"), h("th", { scope: "col", class: "optional" }, "Effect"))),
      h("tbody", {}, rows.map((one) => h("tr", { class: fresh.has(one.id) ? "fresh" : null, "data-fill": one.exec_id },
        h("td", { class: "time", title: one.timestamp }, clock(one.timestamp)),
        h("td", {}, one.account),
        h("td", {}, one.symbol),
        h("td", { class: one.side.toLowerCase() }, one.side === "BUY" ? "Buy" : "Sell"),
        h("td", { class: "number" }, one.quantity),
        h("td", { class: "number" }, one.price),
        h("td", { class: "optional" }, one.effect ?? "–"))))))];
}

// ---- coverage ----

const DAY_MS = 864e5;

export function coverage(status) {
  const accounts = status.coverage;
  if (accounts.length === 0) return [none("No account has been read yet.")];
  const to = Date.parse(status.timestamp);
  const oldest = Math.min(...accounts.flatMap((account) => account.categories.map((one) => Date.parse(one.data_from ?? status.timestamp))));
  // The last day, or less where there is less.
  const from = Math.max(to - DAY_MS, Math.min(oldest, to - 6e4));
  return [accounts.map((account) => account.categories.map((category) => proof(account, category, from, to))),
    h("p", { class: "key" },
      h("span", {}, h("i", { class: "k-proven" }), "proven complete"), h("span", {}, h("i", { class: "k-gap" }), "gap, tried again"),
      h("span", {}, h("i", { class: "k-lost" }), "lost: the venue cannot fill it"), h("span", {}, h("i", {}), "not read"))];
}

function proof(account, category, from, to) {
  const gaps = account.gaps.filter((gap) => gap.category === category.category);
  const parts = [
    ...category.windows.map((window) => [Date.parse(window.from), Date.parse(window.to), "proven"]),
    ...gaps.map((gap) => [Date.parse(gap.from), Date.parse(gap.to), gap.unfillable ? "lost" : "gap"]),
  ].filter(([, end]) => end > from);
  const behind = category.lag_ms === null ? "nothing proven" : `${span(category.lag_ms)} behind`;
  const stream = account.stream && account.stream.state !== "off" ? account.stream.state : null;
  const label = `${account.account} ${category.category}: ${category.complete_to ? `proven complete to ${clock(category.complete_to)} UTC, ${behind}` : "nothing proven"}; ${plural(gaps.length, "gap", "gaps")}`;
  return h("div", { class: "proof" },
    h("div", { class: "proof-head" }, h("b", {}, account.account), h("span", { class: "note" }, category.category),
      gaps.length > 0 ? tag(plural(gaps.length, "gap", "gaps"), gaps.some((gap) => gap.unfillable) ? "bad" : "warn") : null,
      stream ? tag(`stream ${stream}`, stream === "live" ? "good" : "warn") : null,
      h("span", { class: "to" }, category.complete_to ? `to ${clock(category.complete_to)}, ${behind}` : behind)),
    spans(label, from, to, parts),
    h("div", { class: "ends", "aria-hidden": true }, h("span", {}, clock(new Date(from).toISOString())), h("span", {}, "now")),
    gaps.length > 0 && h("ul", { class: "gaps" }, gaps.slice(0, 4).map((gap) => h("li", {}, `${clock(gap.from)} to ${clock(gap.to)}: ${gap.reason}; `, gap.unfillable ? "the venue can no longer serve it" : `tried ${plural(gap.retries + 1, "time", "times")}`)),
      gaps.length > 4 && h("li", {}, `and ${gaps.length - 4} more`)));
}

// ---- results over time ----

export function timeline(answer) {
  const hours = answer.step_s / 3600;
  const stepText = (step) => (answer.steps.length * hours <= 48 ? step.from.slice(11, 16) : step.from.slice(5, 10));
  const each = hours >= 24 ? plural(hours / 24, "day", "days") : plural(hours, "hour", "hours");
  const currency = answer.currencies.join(" + ");
  const pnl = String(answer.pnl);
  const look = pnl.startsWith("-") ? "minus" : answer.pnl > 0 ? "plus" : "";
  return [h("div", { class: "plots" },
    h("figure", { class: "plot" },
      h("figcaption", {}, h("b", {}, count(answer.fills)), h("span", { class: "note" }, `fills, ${each} a bar`)),
      bars(`${answer.fills} fills from ${answer.from} to ${answer.to}`, answer.steps, (step) => step.fills, stepText)),
    h("figure", { class: "plot" },
      h("figcaption", {}, h("b", { class: look }, `${look === "plus" ? "+" : ""}${pnl}`), h("span", { class: "note" }, `${currency} after fees, ${plural(answer.trades, "closed trade", "closed trades")}`)),
      line(`${pnl} ${currency} after fees over ${answer.trades} closed trades`, answer.steps, (step) => Number(step.pnl_total), stepText)))];
}

// ---- outbox ----

export function outbox(status, dead, again) {
  const figure = (what, number, look) => h("div", { class: look }, h("dt", {}, what), h("dd", {}, count(number)));
  const waiting = status.outbox.channels;
  return [
    h("dl", { class: "figures" }, figure("sent", status.outbox.sent), figure("waiting", status.outbox.pending), figure("given up", dead.count, dead.count > 0 ? "bad" : null)),
    waiting.length > 0 && h("ul", { class: "history" }, waiting.map((one) => h("li", {}, `${one.channel}: ${plural(one.pending, "waits", "wait")}, next try ${clock(one.next_at)}`))),
    dead.count === 0 ? none("Every message found its way, or is on it.") : h("div", {},
      h("h3", { class: "note" }, "Given up"),
      h("ul", { class: "letters" }, dead.messages.map((one) => letter(one, again)))),
    dead.next !== null && h("p", { class: "note" }, "There are older ones: /outbox?state=dead has all."),
  ];
}

function letter(one, again) {
  const what = [one.kind, one.symbol, one.account].filter(Boolean).join(" · ");
  return h("li", {},
    h("span", {}, h("b", {}, one.channel), ` ${what} `, h("span", { class: "note" }, clock(one.created_at))),
    h("span", { class: "why" }, one.last_error ?? "no reason told", ` (${plural(one.attempts, "try", "tries")})`),
    h("button", { type: "button", "data-key": `again-${one.id}`, "aria-label": `Send again: ${what} to ${one.channel}`, onclick: (event) => again(one, event.currentTarget) }, "Send again"));
}

// ---- plugins ----

const OUTCOMES = { loaded: "good", swapped: "good", rejected: "bad", failed: "bad", "set-aside": "warn" };

export function plugins(answer) {
  if (answer.plugins.length === 0) return [none("No plugin is in use.")];
  const fuel = answer.plugins.some((one) => one.fuel_last !== undefined && one.fuel_last !== null);
  return [h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Plugins", "data-scroll": "plugins", "data-key": "plugins" },
    h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Version"), h("th", { scope: "col" }, "State"), h("th", { scope: "col", class: "number" }, "Calls"), h("th", { scope: "col", class: "number" }, "Failures"),
        fuel && h("th", { scope: "col", class: "number" }, "Fuel a call"), h("th", { scope: "col" }, "SHA-256"))),
      h("tbody", {}, answer.plugins.map((one) => h("tr", {},
        h("th", { scope: "row" }, one.name, " ", h("small", { class: "note" }, one.active?.kind ?? "")),
        h("td", {}, one.active?.version ?? "–"),
        h("td", {}, tag(one.state, one.state === "active" ? "good" : "bad")),
        h("td", { class: "number" }, count(one.calls)),
        h("td", { class: `number ${one.failures > 0 ? "minus" : ""}` }, count(one.failures)),
        fuel && h("td", { class: "number" }, one.fuel_last === null || one.fuel_last === undefined ? "–" : count(one.fuel_last)),
        h("td", { class: "hash", title: one.active?.sha256 ?? "" }, short(one.active?.sha256))))))),
    answer.plugins.filter((one) => one.last_error).map((one) => h("p", { class: "note" }, `${one.name}, ${clock(one.last_error.at)}: ${one.last_error.text}`)),
    answer.events.length > 0 && h("details", { "data-key": "history", open: true },
      h("summary", { "data-key": "history-summary" }, "Loads, swaps and refusals"),
      h("ol", { class: "history" }, answer.events.slice(0, 12).map((one) => h("li", {},
        h("span", { class: "note" }, clock(one.timestamp)), " ", h("b", {}, one.plugin), " ", tag(one.outcome, OUTCOMES[one.outcome] ?? ""), " ",
        h("span", { class: "hash" }, one.old_sha256 ? `${short(one.old_sha256)} → ${short(one.new_sha256)}` : short(one.new_sha256)),
        one.cause ? ` ${one.cause}` : null, one.hint ? h("span", { class: "note" }, ` ${one.hint}`) : null))))];
}
