// The Call buttons of all pages. A press asks once; what became of it is told where the person is: on the desk in its
// strip, elsewhere in a line at the foot of the page, which looks again while it may still become a call.
import { token } from "./post.js";
import { lookSoon } from "./poll.js";

const LOOK_MS = 700;
const HERE_MS = 30000;
const STRIP_MS = 1000; // the stream says it sooner
const keys = new WeakMap(); // form -> key of the press under way; renewed when the server has answered
let looking = null;

export function watchDialForms(body) {
  body.addEventListener("submit", (event) => {
    const form = event.target.closest?.("form[data-dial]");
    if (!form) return;
    event.preventDefault();
    call(new FormData(form), { form, button: form.querySelector("button") });
  });
  body.addEventListener("click", (event) => {
    const row = event.target.closest?.("[data-dial-close]")?.closest("[data-command]");
    if (row) close(row);
  });
}

// `fields`: number, and next. The same key is sent again only when no answer came: the server then knows the press.
export async function call(fields, { form = document.body, button = null } = {}) {
  if (button?.hasAttribute("data-asked")) return;
  if (!keys.has(form)) keys.set(form, newKey());
  fields.set("key", keys.get(form));
  fields.set("next", location.pathname + location.search);
  button?.setAttribute("data-asked", "");
  try {
    const answer = await fetch(page().dataset.dial, {
      method: "POST", body: new URLSearchParams(fields), redirect: "error", keepalive: true,
      headers: { "X-CSRFToken": token(), Accept: "application/json" },
    });
    keys.delete(form);
    const told = await answer.json().catch(() => ({}));
    if (answer.status === 202) asked(told);
    else if (told.ask) location.assign(told.ask);
    else say(told.sentence || page().dataset.failed, "no");
  } catch {
    say(page().dataset.unsure, "care");
  } finally {
    button?.removeAttribute("data-asked");
  }
}

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
const page = () => document.getElementById("dialled");

function asked(told) {
  if (document.getElementById("desk-dials")) {
    hide();
    lookSoon();
    scrollTo({ top: 0 });
  } else look(told.now, Date.now());
}

// --- the line at the foot of other pages -----------------------------------------------------------------------------

async function look(url, began) {
  clearTimeout(looking);
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, redirect: "error" });
    if (!answer.ok) return;
    draw(await answer.text());
  } catch {
    // looked at again below
  }
  const row = page().querySelector("[data-command]");
  if (row && !row.hasAttribute("data-live")) return;
  if (Date.now() - began < HERE_MS) looking = setTimeout(() => look(url, began), LOOK_MS);
}

function draw(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  if (!fresh) return;
  const old = page().querySelector("[data-command]");
  if (old && plainly(old) === plainly(fresh)) return; // nothing new: not read out again, the focus stays
  show(document.importNode(fresh, true));
}

const plainly = (row) => [row.dataset.command, row.querySelector(".said").textContent, row.hasAttribute("data-live")].join();

function say(text, tone) {
  clearTimeout(looking);
  const row = page().querySelector("template").content.firstElementChild.cloneNode(true);
  row.querySelector(".said").classList.add(tone);
  row.querySelector(".said span").textContent = text;
  show(row);
}

function show(row) {
  for (const old of page().querySelectorAll("[data-command]")) old.remove();
  page().append(row);
  page().hidden = false;
}

function hide() {
  clearTimeout(looking);
  page().hidden = true;
  for (const old of page().querySelectorAll("[data-command]")) old.remove();
}

function close(row) {
  if (page().contains(row)) return hide();
  closed.add(row.dataset.command);
  row.remove();
}

// --- the desk: its strip, where what was put away stays away; do not disturb; tel: links of the browser --------------

const closed = new Set();

export function watchStrip(body) {
  body.addEventListener("htmx:oobAfterSwap", sweep);
  body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.elt?.matches?.("[data-disturb]")) return;
    const told = event.detail.successful ? "" : sentenceIn(event.detail.xhr) || page().dataset.failed;
    if (told) say(told, "no");
    else lookSoon();
  });
  setInterval(() => {
    const strip = document.getElementById("desk-dials");
    if (document.hidden || !strip.querySelector("[data-live]")) return;
    window.htmx.ajax("GET", strip.dataset.look, { source: strip, swap: "none" });
  }, STRIP_MS);
}

function sweep() {
  for (const row of document.querySelectorAll("#desk-dials [data-command]")) if (closed.has(row.dataset.command)) row.remove();
}

function sentenceIn(xhr) {
  try {
    return JSON.parse(xhr.responseText).sentence || "";
  } catch {
    return "";
  }
}

export function offerTelLinks(body) {
  if (!("registerProtocolHandler" in navigator)) return;
  document.documentElement.dataset.tel = ""; // the offer is shown
  body.addEventListener("click", (event) => {
    const place = event.target.closest?.("[data-tel-offer]")?.closest("[data-tel-links]");
    if (place) navigator.registerProtocolHandler("tel", `${location.origin}${place.dataset.address}?number=%s`);
  });
}
