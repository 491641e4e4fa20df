// The one script. Every page works without it; with it, parts of pages are sent and read again alone.
//
//   <form data-swap="ID">           is sent without leaving the page; the element ID is what comes back
//   <section id="ID" data-live="T"> is read again when the stream says that T changed; several topics by spaces. Where
//                                   the page has no such part any more, all of it is
//   data-every="60"                 is read again each 60 seconds too, for it says how long something lasts
//   data-opens="ID"                 opens a <dialog>; data-closes in it closes it, and so does a press beside it
//   data-copies="ID"                copies what stands there
//   data-row                        what j and k go through;  data-go="f" is where `g f` leads
//   data-undo="10"                  goes by itself after so many seconds, which its [data-left] counts down
//   .scripted                       is of no use without this script, and hidden then

const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const plain = { createHTML: (text) => text };
const frag = globalThis.trustedTypes?.createPolicy("frag", plain) ?? plain;

// What has been done, for who does not see it. One region, which says each thing once.
const voice = document.createElement("p");
voice.className = "hidden";
voice.setAttribute("role", "status");
document.body.append(voice);

function say(text) {
  voice.textContent = "";
  setTimeout(() => { voice.textContent = text.replace(/\s+/g, " ").trim(); }, 50);
}

function show(text) {
  const said = byId("said");
  if (said) {
    const words = document.createElement("p");
    words.className = "nudge";
    words.textContent = text;
    said.replaceChildren(words);
  }
  say(text);
}

// --- Parts of pages

const FIELDS = "input:not([type=hidden]), select, textarea";
let asked = 0;
const shown = new Map(); // part → number of the request whose answer it shows: an older one comes too late

async function ask(id, address, options = {}) {
  const number = ++asked;
  const answer = await fetch(address, { ...options, headers: { "X-Fragment": id, Accept: "text/html" } });
  const parsed = new DOMParser().parseFromString(frag.createHTML(await answer.text()), "text/html");
  return { answer, parsed, isLate: () => number < (shown.get(id) ?? 0), isShown: () => shown.set(id, number) };
}

// Who has the focus keeps it on the same control; when that is gone it goes to the part, never to its successor.
const nameOf = (element) =>
  element.id || element.closest("form")?.getAttribute("action") || element.getAttribute("href") || element.name ||
  element.querySelector("a[href]")?.getAttribute("href") || // a row is known by where it leads
  element.closest("details")?.id; // and what opens something by what it opens
const HOLDING = "a[href], button, input, select, textarea, summary, [data-row]";

// What somebody has filled in stays, but for the form that was just sent.
function keep(old, fresh, sent) {
  all("input[id]:not([type=file]), textarea[id]", old).forEach(({ id, value, defaultValue, form }) => {
    const same = value !== defaultValue && form !== sent && fresh.querySelector(`#${CSS.escape(id)}`);
    if (same) same.value = value;
  });
}

function put(fresh, sent) {
  const old = byId(fresh.id);
  if (!old || old.isEqualNode(fresh)) return;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  all("details[open][id]", old).forEach(({ id }) => fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", ""));
  keep(old, fresh, sent);
  old.replaceWith(fresh);
  dress(fresh);
  if (!held) return;
  const name = nameOf(held);
  const same = name && all(HOLDING, fresh).find((one) => one.localName === held.localName && nameOf(one) === name);
  const next = same ?? fresh.querySelector("h1, h2, h3") ?? fresh;
  if (!same) next.tabIndex = -1;
  next.focus({ preventScroll: true });
}

async function swap(form, submitter) {
  const id = form.dataset.swap;
  const button = submitter ?? form.querySelector("button");
  const fields = new FormData(form, submitter);
  const address = new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href);
  let options;
  if (form.method === "post") {
    const isLong = form.enctype === "multipart/form-data";
    options = { method: "POST", body: isLong ? fields : new URLSearchParams(fields) };
  } else {
    address.search = new URLSearchParams(fields);
  }
  form.setAttribute("aria-busy", "true");
  button?.classList.add("is-busy");
  try {
    const { answer, parsed, isShown } = await ask(id, address, options);
    const part = parsed.getElementById(id);
    if (part) {
      isShown();
      if (!options) history.replaceState(null, "", address);
      const said = parsed.getElementById("said");
      const words = said?.textContent.trim() || part.querySelector("[role=alert]")?.textContent;
      form.closest("dialog")?.close();
      put(part, form);
      if (said) put(said);
      if (words) say(words);
    } else if (answer.ok) {
      location.assign(answer.url); // it leads elsewhere, or to the sign-in page
    } else {
      show(parsed.querySelector("h1")?.textContent ?? "That did not work. Nothing has changed.");
    }
  } catch {
    show("No connection. Nothing has changed: try again.");
  } finally {
    form.removeAttribute("aria-busy");
    button?.classList.remove("is-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.swap || event.defaultPrevented) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") !== "true") swap(form, event.submitter);
});

// --- Live parts: the stream says what changed, the page reads that again; whose eyes it is for stays on the server

const waiting = new Map(); // part → timer
const RETRY = 15_000, AGAIN = 5000;
let stream, later;

// Somebody fills something in, or is just pressing: a press on what is replaced before the finger is up would be lost.
const isHeld = (part) => part?.querySelector(`dialog[open], :active, :is(${FIELDS}):focus`);

const reading = new Map(); // part → whether it has changed again meanwhile: a slow server is asked once at a time

function readSoon(id, milliseconds = 60 + Math.random() * 120) {
  if (reading.has(id)) reading.set(id, true);
  else if (!waiting.has(id)) waiting.set(id, setTimeout(() => { waiting.delete(id); read(id); }, milliseconds));
}

async function read(id) {
  const part = byId(id);
  if (!part || document.hidden) return; // when it is shown, all is read again
  if (isHeld(part)) {
    readSoon(id, 2000);
    return;
  }
  reading.set(id, false);
  let isLost = true;
  try {
    const { answer, parsed, isLate, isShown } = await ask(id, location.href);
    isLost = answer.status === 429 || answer.status >= 500;
    const fresh = parsed.getElementById(id);
    if (fresh && isHeld(byId(id))) {
      reading.set(id, true);
    } else if (fresh && !isLate()) {
      isShown();
      put(fresh);
    } else if (answer.redirected || answer.status === 404 || (answer.ok && !fresh)) {
      location.reload(); // signed out, no longer to be seen, or another page by now
    }
  } catch { /* no connection, though the stream may still be there */ }
  const isStale = reading.get(id);
  reading.delete(id);
  if (isLost) readSoon(id, AGAIN);
  else if (isStale) readSoon(id);
}

const live = () => all("[data-live]").map((part) => [part.id, part.dataset.live.split(" ")]);
const readAll = () => live().forEach(([id]) => readSoon(id));

const every = new Map(); // part → timer of those that are read again by the clock

function tick() {
  every.forEach(clearInterval);
  every.clear();
  if (document.hidden) return;
  all("[data-live][data-every]").forEach(({ id, dataset }) => {
    every.set(id, setInterval(readSoon, dataset.every * 1000, id));
  });
}

function watch() {
  tick();
  clearTimeout(later);
  const topics = new Set(live().flatMap(([, wanted]) => wanted));
  if (!topics.size || document.hidden || stream) return;
  stream = new EventSource(`/stream?${new URLSearchParams([...topics].map((topic) => ["topic", topic]))}`);
  stream.addEventListener("open", () => { root.classList.add("is-live"); readAll(); });
  stream.addEventListener("changed", ({ data }) => {
    live().forEach(([id, wanted]) => { if (wanted.includes(data)) readSoon(id); });
  });
  stream.addEventListener("error", () => {
    root.classList.remove("is-live");
    if (stream?.readyState !== EventSource.CLOSED) return; // else it comes back by itself
    stream = undefined;
    later = setTimeout(watch, RETRY);
  });
}

function unwatch() {
  every.forEach(clearInterval);
  clearTimeout(later);
  stream?.close();
  stream = undefined;
}

document.addEventListener("visibilitychange", () => (document.hidden ? unwatch() : watch()));
addEventListener("pagehide", unwatch);
addEventListener("pageshow", watch);

// --- Dialogs and copying

document.addEventListener("click", (event) => {
  if (event.target.localName === "dialog") event.target.close(); // beside what is in it
  event.target.closest?.("[data-closes]")?.closest("dialog")?.close();
  const opener = event.target.closest?.("[data-opens]");
  if (opener) {
    event.preventDefault();
    byId(opener.dataset.opens)?.showModal();
  }
  const copier = event.target.closest?.("[data-copies]");
  if (copier) copy(byId(copier.dataset.copies));
});

async function copy(from) {
  try {
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    say("Copied.");
  } catch {
    from.select?.();
    say("Press Control and C to copy it.");
  }
}

// --- Keys

let begun = 0; // when `g` was pressed

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.shortcuts === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.defaultPrevented || event.target.closest?.(`${FIELDS}, [contenteditable], dialog[open]`)) return;
  const isGoing = event.timeStamp - begun < 1500;
  begun = event.key === "g" ? event.timeStamp : 0;
  const place = isGoing && document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
  if (place) place.click();
  else if (event.key === "?") byId("shortcuts")?.showModal();
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else return;
  event.preventDefault();
});

function step(by) {
  const rows = all("[data-row]");
  const here = rows.indexOf(document.activeElement);
  rows[here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + by, 0), rows.length - 1)]?.focus();
}

// --- What parts do by themselves, on the page as it came and in each part that comes

function dress(within) {
  all("[data-undo]", within.parentNode ?? within).forEach((one) => {
    if (one.dataset.runs) return;
    one.dataset.runs = "yes";
    let left = Number(one.dataset.undo);
    const timer = setInterval(() => {
      left -= 1;
      const number = one.querySelector("[data-left]");
      if (number) number.textContent = left;
      if (left <= 0 || !one.isConnected) {
        clearInterval(timer);
        one.remove();
      }
    }, 1000);
  });
}

const address = new URL(location.href);
if (address.searchParams.has("said")) {
  address.searchParams.delete("said"); // loading the page again says it no more
  history.replaceState(history.state, "", address);
}
root.classList.add("is-scripted");
dress(document);
watch();
