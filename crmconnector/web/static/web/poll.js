// The desk's poll: banners, lines, recent calls, queues and colleagues. Only what changed is swapped.
import { serverNow, setServerNow } from "./clock.js";

const LOOK_MS = 150;
const shown = new Map(); // id -> what the server last sent: the same again is not swapped, so nothing is read out twice
let looking = null;

// Lines, recent calls and queues follow the card at once instead of at the next poll; many cards make one look.
export function lookSoon() {
  looking ??= setTimeout(() => {
    looking = null;
    window.htmx.trigger("#desk-recent", "look");
  }, LOOK_MS);
}

export function watchPoll(body) {
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.id === "desk-recent") event.preventDefault(); // nobody looks; the stream goes on
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
    if (event.detail.elt?.closest?.("#cards") || !xhr || event.detail.failed || !xhr.responseURL) return;
    if (!new URL(xhr.responseURL).pathname.startsWith("/desk")) location.reload(); // sent to the sign-in page: the session is over
    const date = Date.parse(xhr.getResponseHeader("Date") || "");
    if (!Number.isNaN(date) && Math.abs(date / 1000 - serverNow()) > 2) setServerNow(date / 1000);
  });
}
