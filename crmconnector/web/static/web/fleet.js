// The list of phones, the page of one, and My phone: what changes by itself, and choosing rows.
import { clockText, serverNow, setServerNow } from "./clock.js";

const LIVE = "[data-live]";

// --- the poll --------------------------------------------------------------------------------------------------------

const shown = new Map(); // id -> what the server sent last: the same again is not swapped, so nothing is read out twice
let heardAt = serverNow();
let focusedId = null;

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches?.(LIVE)) event.preventDefault(); // nobody looks
});
document.addEventListener("visibilitychange", () => {
  const live = document.querySelector(LIVE);
  if (!document.hidden && live) window.htmx?.trigger(live, "look");
});
document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const html = fragment.firstElementChild?.outerHTML ?? fragment.textContent;
  const still = html.replace(/(data-since="[^"]*">)[^<]*/g, "$1");
  if (target.matches(LIVE) && target.getAttribute("hx-trigger") === fragment.firstElementChild?.getAttribute("hx-trigger")) {
    event.detail.shouldSwap = false; // begun anew it would ask at once again
    return;
  }
  if (shown.get(target.id) === still) {
    event.detail.shouldSwap = false;
    return;
  }
  shown.set(target.id, still);
  if (target.contains(document.activeElement)) focusedId = document.activeElement.id || null;
});
document.body.addEventListener("htmx:oobAfterSwap", () => {
  if (focusedId === null) return;
  document.getElementById(focusedId)?.focus({ preventScroll: true });
  focusedId = null;
});

function setStale(stale) {
  const banner = document.getElementById("stale");
  if (!banner) return;
  if (stale) banner.querySelector("[data-stale-at]").textContent = clockText(heardAt);
  banner.hidden = !stale;
}

document.body.addEventListener("htmx:afterRequest", (event) => {
  const xhr = event.detail.xhr;
  if (!event.target.matches?.(LIVE)) return;
  if (!xhr || event.detail.failed || !xhr.responseURL) {
    setStale(true);
    return;
  }
  if (new URL(xhr.responseURL).pathname !== new URL(event.target.getAttribute("hx-get"), location.href).pathname) {
    location.reload(); // sent to the sign-in page: the session is over
    return;
  }
  const date = Date.parse(xhr.getResponseHeader("Date") || "");
  if (!Number.isNaN(date) && Math.abs(date / 1000 - serverNow()) > 2) setServerNow(date / 1000);
  heardAt = serverNow();
  setStale(false);
});

// --- choosing rows ---------------------------------------------------------------------------------------------------

const bulk = document.getElementById("bulk");

function boxes() {
  return [...document.querySelectorAll('input[name="phone"][form="bulk"]')];
}

function tell() {
  const all = bulk.elements.namedItem("all");
  const everything = bulk.querySelector("[data-choose-all]");
  const chosen = boxes().filter((box) => box.checked);
  const count = all.disabled ? chosen.length : Number.parseInt(everything.dataset.chooseAll, 10);
  const text = count ? bulk.dataset.some.replace("%n", String(count)) : bulk.dataset.none;
  const said = bulk.querySelector("[data-chosen]");
  if (said.textContent !== text) said.textContent = text;
  bulk.classList.toggle("some", count > 0);
  everything?.setAttribute("aria-pressed", String(!all.disabled));
  for (const button of bulk.querySelectorAll('button[name="action"]')) button.setAttribute("aria-disabled", String(count === 0));
  for (const box of boxes()) box.closest("tr").toggleAttribute("data-chosen-row", box.checked);
  const page = document.querySelector("[data-choose-page]");
  page.checked = chosen.length > 0 && chosen.length === boxes().length;
  page.indeterminate = chosen.length > 0 && !page.checked;
}

function chooseAll(wanted) {
  bulk.elements.namedItem("all").disabled = !wanted;
  for (const box of boxes()) box.checked = wanted;
  tell();
}

if (bulk) {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-choose-page]")) {
      const wanted = event.target.checked;
      bulk.elements.namedItem("all").disabled = true;
      for (const box of boxes()) box.checked = wanted;
    } else if (event.target.matches('input[name="phone"]')) {
      bulk.elements.namedItem("all").disabled = true; // one taken out: it is no longer all of them
    } else return;
    tell();
  });
  bulk.querySelector("[data-choose-all]")?.addEventListener("click", () => chooseAll(bulk.elements.namedItem("all").disabled));
  bulk.addEventListener("submit", (event) => {
    if (event.submitter?.getAttribute("aria-disabled") === "true") event.preventDefault();
  });
  tell(); // a browser that went back keeps the ticks
}
