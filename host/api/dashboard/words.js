// Words and numbers as people read them. Amounts stay the text that they are: nothing here makes a float
// of a price. Times are UTC, as in the alerts.

export const GLYPHS = {
  planned: "·", open: "○", partial: "◐", filled: "●", "partial-final": "◑",
  cancelled: "✕", rejected: "✕", missing: "–", unknown: "?",
};

const DIVERGED = new Set(["extra", "lagging", "partial", "cancelled", "rejected", "missing"]);
const UNSAID = new Set(["pending", "unknown"]);

export const isDiverged = (truth) => DIVERGED.has(truth);
export const isUnsaid = (truth) => UNSAID.has(truth);

/// The look of a truth: bad where accounts really differ, warn where nothing can be said.
export function mood(truth) {
  if (isDiverged(truth)) return "bad";
  if (isUnsaid(truth)) return "warn";
  return truth === "unfilled" ? "" : "good";
}

const TRUTHS = {
  unfilled: "nothing filled yet", aligned: "aligned", resolved: "aligned again", pending: "not seen yet",
  unknown: "cannot be said", extra: "extra", lagging: "lagging: still open", partial: "only partly filled",
  cancelled: "cancelled", rejected: "rejected", missing: "no such order",
};
export const truthText = (truth) => TRUTHS[truth] ?? truth;

const STATES = {
  "partial-final": "partly filled, over", missing: "none", unknown: "not known",
};
export const stateText = (state) => STATES[state] ?? state;

export const count = (number) => Number(number).toLocaleString("en-US").replaceAll(",", " ");
export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

/// `12:00:03`, with the day where it is not today.
export function clock(text, now = new Date()) {
  if (!text) return "–";
  const day = text.slice(0, 10);
  const time = text.slice(11, 19);
  return day === now.toISOString().slice(0, 10) ? time : `${day.slice(5)} ${time}`;
}

export function span(ms) {
  if (ms < 1000) return "under 1 s";
  if (ms < 120e3) return `${Math.floor(ms / 1e3)} s`;
  if (ms < 72e5) return `${Math.floor(ms / 6e4)} min`;
  if (ms < 1728e5) return `${Math.floor(ms / 36e5)} h`;
  return `${Math.floor(ms / 864e5)} d`;
}

export const short = (hash) => (hash ? hash.slice(0, 10) : "–");
export const side = (name) => (name === "short" ? "short" : "long");
