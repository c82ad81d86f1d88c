// The desk's poll: banners, lines, recent calls, queues and colleagues. Only what changed is swapped.
import { serverNow, setServerNow } from "./clock.js";

const LOOK_MS = 150;
const EVERY_MS = 1000;
const shown = new Map(); // id -> what the server last sent: the same again is not swapped, so nothing is read out twice
let looking = null;
let lookedAt = -Infinity;
let asking = false;
let missed = false;

// Lines, recent calls and queues follow the card at once instead of at the next poll; many cards make one look. An
// answer that is on its way may be older than the card, and takes the place of the element that would ask again.
export function lookSoon() {
  looking ??= setTimeout(() => {
    looking = null;
    missed = asking;
    if (!asking) window.htmx.trigger("#desk-recent", "look");
  }, Math.max(LOOK_MS, lookedAt + EVERY_MS - performance.now()));
}

function asked() {
  asking = true;
  lookedAt = performance.now();
}

function answered() {
  asking = false;
  if (missed) lookSoon();
  missed = false;
}

export function watchPoll(body) {
  document.addEventListener("visibilitychange", () => document.hidden || lookSoon());
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id !== "desk-recent") return;
    if (document.hidden) event.preventDefault(); // nobody looks; the stream goes on
    else asked();
  });
  body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const id = event.detail.target.id;
    const html = event.detail.fragment.firstElementChild?.outerHTML ?? event.detail.fragment.textContent;
    const still = html.replace(/(data-since="[^"]*">)[^<]*/g, "$1");
    if (shown.get(id) === still) event.detail.shouldSwap = false;
    shown.set(id, still);
  });
  body.addEventListener("htmx:afterRequest", (event) => {
    const xhr = event.detail.xhr;
    if (event.detail.requestConfig?.elt.id === "desk-recent") answered(); // told by a parent when the element itself is gone
    if (event.detail.elt?.closest?.("#cards") || !xhr || event.detail.failed || !xhr.responseURL) return;
    if (!new URL(xhr.responseURL).pathname.startsWith("/desk")) location.reload(); // sent to the sign-in page: the session is over
    const date = Date.parse(xhr.getResponseHeader("Date") || "");
    if (!Number.isNaN(date) && Math.abs(date / 1000 - serverNow()) > 2) setServerNow(date / 1000);
  });
}
