// The desk: what comes by the stream goes to the cards, the lines that are read out, the tone and the receipts.
import { Cards, cardsIn, number } from "./cards.js";
import { clockText, serverNow, setServerNow, tick } from "./clock.js";
import { refresh, shut, watchDrawers } from "./drawers.js";
import { sayLate, watchForms } from "./forms.js";
import { offerTelLinks, watchStrip } from "./dial.js";
import { lookSoon, watchPoll } from "./poll.js";
import { token } from "./post.js";
import { Presence } from "./presence.js";
import { keepDrafts, restoreDrafts } from "./drafts.js";
import { Receipts } from "./receipts.js";
import { Stream } from "./stream.js";
import { Herald, Lines } from "./told.js";

const LOST_MS = 5000;
const KNOWN_BY_HEARING = '#cards > article:not([data-state="closed"]), #desk-lines > .line, #desk-side li:not(.tel-links), #rail-foot > .row';
const home = document.querySelector("#cards");
const name = `crmconnector-desk-${home.dataset.user}`;
const id = Math.random().toString(36).slice(2);
let stream = null;
let lostTimer = null;
let lostAt = null;

setServerNow(Number.parseFloat(home.dataset.now));
const leads = () => stream?.leading ?? false;
const receipts = new Receipts({ url: document.getElementById("told").dataset.receipts, token: token(), name, leads });
const cards = new Cards(home, name, drawn);
const lines = new Lines(cards);
const herald = new Herald({
  user: home.dataset.user,
  presence: new Presence(name, id),
  talking: () => cards.talking,
  go: (pop) => lines.goTo(cards.of(pop)),
  shown: cards.list().map((card) => number(card.dataset.pop)),
});

function drawn(changes) {
  for (const { card } of changes) refresh(card);
  sayLate();
  lines.changed(changes);
  tick();
  note();
  if (changes.length) lookSoon();
}

// A card from the stream, or from the server's answer to "all cards anew": what rings is told once, whichever was first.
function took(content) {
  if (cards.take(content)) herald.heard(content, leads());
}

// Which cards stand on this page, and are they looked at?
function note() {
  for (const card of cards.list()) if (card.dataset.state !== "closed") receipts.note(number(card.dataset.pop), !document.hidden && !card.hidden);
}

async function resync() {
  try {
    const answer = await fetch(home.dataset.resync, { headers: { "HX-Request": "true" }, redirect: "error" });
    if (!answer.ok) return;
    const { contents, after } = cardsIn(await answer.text());
    for (const pop of cards.replaceAll(contents, after)) herald.over(pop);
    contents.forEach(took);
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
  still: (content) => setServerNow(content.now),
  card: took,
  look: lookSoon,
  resync,
  crowded: () => { document.getElementById("stream-crowded").hidden = false; resync(); },
  bye: () => location.reload(), // signed out, or the account was closed: the sign-in page says so
};

watchPoll(document.body);
restoreDrafts(home);
keepDrafts(home);
watchForms(document.body);
watchStrip(document.body);
offerTelLinks(document.body);
watchDrawers(document.body, cards);
tick();
note();
document.addEventListener("visibilitychange", note);
stream = new Stream({
  url: home.dataset.stream, after: number(home.dataset.after), name, id,
  handlers: { event: (kind, content) => ON[kind]?.(content), state: onState, slept: resync, leads: note },
});

// Esc shuts a drawer, leaves a field, then closes what is over: the card in use, else the first.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("details.menu[open]")) return;
  const inside = document.activeElement?.closest("#cards > article");
  if (inside ? shut(inside) : cards.list().some(shut)) return;
  if (inside && document.activeElement.matches("input, textarea, select")) return inside.focus({ preventScroll: true });
  const over = inside?.dataset.state === "closed" ? inside : cards.list("closed")[0];
  if (over) cards.close(over);
});
