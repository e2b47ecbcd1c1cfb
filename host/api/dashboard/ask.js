// Asks the daemon and listens to it. The token lives in this tab's session storage and goes out only as a
// header of requests to this server. Listening is a fetch, because an EventSource cannot send a header.

const KEY = "fillsync.token";

export class SignInNeeded extends Error {}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

function headers(more = {}) {
  const value = token.get();
  return value ? { authorization: `Bearer ${value}`, ...more } : more;
}

async function refused(response) {
  if (response.status === 401) return new SignInNeeded();
  let said = {};
  try { said = await response.json(); } catch { /* no words came with it */ }
  return new Error(said.error ? `${said.error}: ${said.remedy}` : `the daemon answered ${response.status}`);
}

/// The JSON of an endpoint. `also` names statuses that are answers as well.
export async function ask(path, also = []) {
  const response = await fetch(path, { headers: headers(), cache: "no-store", redirect: "error" });
  if (!response.ok && !also.includes(response.status)) throw await refused(response);
  return response.json();
}

/// Has something done; the header says that it is meant.
export async function act(path) {
  const response = await fetch(path, { method: "POST", headers: headers({ "x-fillsync-intent": "act" }), redirect: "error" });
  if (!response.ok) throw await refused(response);
  return response.json();
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/// Tells every message of the stream to `tell(name, data)`, and how the connection is to `state`. Goes on
/// after the last message that came when the connection breaks.
export async function listen(tell, state) {
  let last = null;
  let pause = 500;
  for (;;) {
    try {
      const more = last ? { "last-event-id": last } : {};
      const response = await fetch("/events/stream", { headers: headers(more), cache: "no-store" });
      if (!response.ok) throw await refused(response);
      for await (const message of messages(response.body)) {
        pause = 500;
        state("on");
        if (message.id !== undefined) last = message.id;
        if (message.data !== undefined) tell(message.event ?? "message", JSON.parse(message.data));
      }
    } catch (error) {
      if (error instanceof SignInNeeded) { state("off"); throw error; }
      state("lost");
      pause = Math.min(pause * 2, 8000);
    }
    await wait(pause);
  }
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      yield parsed(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function parsed(block) {
  const message = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    message[name] = name === "data" && message.data !== undefined ? `${message.data}\n${value}` : value;
  }
  return message;
}
