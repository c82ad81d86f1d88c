// The desk: cards from the stream, the button that asks the phone, what the page says when it cannot hear the server.
import { clockText, serverNow, setServerNow, tick } from "./clock.js";
import { isOn } from "./page.js";
import { softTone } from "./sound.js";
import { Stream } from "./stream.js";

const LOOK_MS = 150;
const LOST_MS = 5000;
const ELSEWHERE_MS = 20000;
const MOST_CLOSED = 3;
const KNOWN_BY_HEARING = '#cards > article:not([data-state="closed"]), #desk-lines > .line, #desk-side li, #rail-foot > .row';
const cards = document.querySelector("#cards");
const plainTitle = document.title;
const announced = new Set();
const callers = new Map(); // pop -> words for the tab's title while it rings
const gone = new Map(); // pop -> version at which its card was closed by hand or by time
let lostTimer = null;
let lostAt = null;

const number = (text) => Number.parseInt(text, 10) || 0;
const cardOf = (pop) => document.getElementById(`card-${number(pop)}`);
const isRinging = (card) => card.dataset.state === "ringing";

// --- cards -----------------------------------------------------------------------------------------------------------

function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // from our own server, drawn by the same template as the page
  return holder.content.querySelector("article[data-pop]");
}

function place(fresh) {
  const old = cardOf(fresh.dataset.pop);
  const version = number(fresh.dataset.version);
  if (version <= Math.max(old ? number(old.dataset.version) : 0, gone.get(fresh.dataset.pop) || 0)) return false;
  if (!old && fresh.dataset.state === "closed" && !announced.has(number(fresh.dataset.pop))) return false;
  const focusInside = old?.contains(document.activeElement);
  if (old && old.dataset.state === fresh.dataset.state) old.replaceWith(fresh);
  else {
    old?.remove();
    if (!old) fresh.classList.add("arrive");
    cards.insertBefore(fresh, before(fresh));
  }
  window.htmx?.process(fresh);
  if (focusInside) (fresh.querySelector("[data-answer] button") || fresh).focus({ preventScroll: true });
  return true;
}

// Ringing first, then the call in hand, then what is over.
function before(fresh) {
  const rank = { ringing: 0, talking: 1, held: 1, closed: 2 };
  const mine = rank[fresh.dataset.state] ?? 2;
  for (const other of cards.querySelectorAll(":scope > article")) if ((rank[other.dataset.state] ?? 2) > mine) return other;
  return document.getElementById("idle");
}

function dismiss(card) {
  gone.set(card.dataset.pop, number(card.dataset.version));
  const hadFocus = card.contains(document.activeElement);
  card.remove();
  if (hadFocus) document.getElementById("main").focus({ preventScroll: true });
}

function sweep() {
  const now = serverNow();
  const closed = [...cards.querySelectorAll(':scope > article[data-state="closed"]')];
  closed.forEach((card, at) => {
    const busy = card.matches(":hover") || card.contains(document.activeElement);
    const old = now - Number.parseFloat(card.dataset.closedAt) > ELSEWHERE_MS / 1000;
    if (!busy && ((card.dataset.closed === "elsewhere" && old) || at >= MOST_CLOSED)) dismiss(card);
  });
}

function retitle() {
  const ringing = [...cards.querySelectorAll(":scope > article")].find(isRinging);
  const who = ringing && callers.get(number(ringing.dataset.pop));
  document.title = ringing ? `(${number(cards.querySelectorAll('[data-state="ringing"]').length)}) ${who || plainTitle}` : plainTitle;
}

function onCard(content) {
  const fresh = parsed(content.html);
  if (!fresh || !place(fresh)) return;
  callers.set(number(content.pop), content.title);
  if (content.announce && !announced.has(number(content.pop))) {
    document.getElementById("announce").textContent = content.announce;
    const talking = cards.querySelector('[data-state="talking"]');
    if (document.hidden && !talking && isOn("sound", false)) softTone();
  }
  announced.add(number(content.pop));
  retitle();
  tick();
  lookSoon();
}

// Lines, recent calls and queues follow the card at once instead of at the next poll; many cards make one look.
let looking = null;
function lookSoon() {
  looking ??= setTimeout(() => {
    looking = null;
    window.htmx.trigger("#desk-recent", "look");
  }, LOOK_MS);
}

async function resync() {
  try {
    const answer = await fetch(cards.dataset.resync, { headers: { "HX-Request": "true" }, redirect: "error" });
    if (!answer.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const fresh = [...holder.content.querySelectorAll("article[data-pop]")];
    const known = new Set(fresh.map((card) => card.dataset.pop));
    for (const card of cards.querySelectorAll(":scope > article")) if (!known.has(card.dataset.pop) && card.dataset.state !== "closed") card.remove();
    fresh.forEach(place);
    retitle();
  } catch {
    // the stream's own state says that the server is away
  }
}

// --- the stream ------------------------------------------------------------------------------------------------------

function showLost() {
  const banner = document.getElementById("stream-lost");
  banner.querySelector("[data-lost-at]").textContent = clockText(lostAt);
  banner.hidden = false;
  for (const each of document.querySelectorAll(KNOWN_BY_HEARING)) each.classList.add("is-stale");
}

function onState(state) {
  document.documentElement.dataset.stream = state;
  clearTimeout(lostTimer);
  if (state === "lost") {
    lostAt ??= serverNow();
    lostTimer = setTimeout(showLost, Math.max(0, LOST_MS - (serverNow() - lostAt) * 1000));
    return;
  }
  if (lostAt !== null) resync();
  lostAt = null;
  document.getElementById("stream-lost").hidden = true;
  document.getElementById("stream-crowded").hidden = true;
  for (const each of document.querySelectorAll(".is-stale")) each.classList.remove("is-stale");
}

const ON = {
  hello: (content) => setServerNow(content.now),
  card: onCard,
  resync,
  crowded: () => { document.getElementById("stream-crowded").hidden = false; resync(); },
  bye: () => location.reload(), // signed out, or the account was closed: the sign-in page says so
};

setServerNow(Number.parseFloat(cards.dataset.now));
for (const card of cards.querySelectorAll(":scope > article")) {
  announced.add(number(card.dataset.pop));
  callers.set(number(card.dataset.pop), card.querySelector(`#${CSS.escape(card.id)}-who`)?.textContent.trim());
}
retitle();
tick();
setInterval(() => { sweep(); retitle(); }, 1000);
const stream = new Stream(cards.dataset.stream, number(cards.dataset.after), cards.dataset.user, {
  event: (name, content) => ON[name]?.(content),
  state: onState,
});
// A sleeping machine notices nothing; when it wakes, what it shows may be hours old.
document.addEventListener("visibilitychange", () => { if (!document.hidden && lostAt !== null) stream.leading && stream.again(); });

// --- the button ------------------------------------------------------------------------------------------------------

function say(form, tone, text) {
  const line = form.closest("article")?.querySelector("[data-said]");
  if (!line) return;
  line.className = `said ${tone}`;
  line.querySelector("svg")?.remove();
  line.querySelector("span").textContent = text;
  line.hidden = false;
}

function setAsked(form, asked) {
  const button = form.querySelector("button");
  button.toggleAttribute("data-asked", asked);
  button.classList.toggle("go", !asked);
  button.setAttribute("aria-disabled", String(asked));
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target.closest?.("[data-answer]");
  if (!form) {
    if (document.hidden && event.target.id === "desk-recent") event.preventDefault(); // nobody looks; the stream goes on
    return;
  }
  if (form.querySelector("button").getAttribute("aria-disabled") === "true") event.preventDefault();
  else setAsked(form, true);
});
document.body.addEventListener("htmx:responseError", (event) => {
  const form = event.target.closest?.("[data-answer]");
  if (!form) return;
  let sentence = "";
  try {
    sentence = JSON.parse(event.detail.xhr.responseText).sentence;
  } catch {
    // an error page instead of a sentence
  }
  setAsked(form, false);
  say(form, "no", sentence || form.dataset.failed);
});
for (const lost of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(lost, (event) => {
    const form = event.target.closest?.("[data-answer]");
    if (form) say(form, "care", form.dataset.unsure);
  });
}
cards.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close) dismiss(close.closest("article"));
});
document.addEventListener("keydown", (event) => {
  const first = event.key === "Escape" && cards.querySelector(':scope > article[data-state="closed"]');
  if (first && !document.querySelector("details.menu[open]")) dismiss(first);
});

// --- the poll --------------------------------------------------------------------------------------------------------

const shown = new Map(); // id -> what the server last sent: the same again is not swapped, so nothing is read out twice
document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  const id = event.detail.target.id;
  const html = event.detail.fragment.firstElementChild?.outerHTML ?? event.detail.fragment.textContent;
  const still = html.replace(/(data-since="[^"]*">)[^<]*/g, "$1");
  if (shown.get(id) === still) event.detail.shouldSwap = false;
  shown.set(id, still);
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  const xhr = event.detail.xhr;
  if (!xhr || event.detail.failed || !xhr.responseURL) return;
  if (!new URL(xhr.responseURL).pathname.startsWith("/desk")) location.reload(); // sent to the sign-in page: the session is over
  const date = Date.parse(xhr.getResponseHeader("Date") || "");
  if (!Number.isNaN(date) && Math.abs(date / 1000 - serverNow()) > 2) setServerNow(date / 1000);
});
