// One letter presses the button that carries it: on the card in use, else the first one in view. Never while somebody
// types, never with a modifier, and one switch turns them all off. "?" lists the keys that work on this page.
import { isOn } from "./switches.js";

const FIELDS = "input, textarea, select, [contenteditable]";
const carries = (each, key) => each.getAttribute("aria-keyshortcuts").split(" ").includes(key);
const usable = (each) => each.offsetParent !== null && !each.closest("#keys-help");

export function press(event) {
  if (typing(event.target) || event.repeat || !isOn("keys", true)) return;
  const button = buttonOf(event.key.toUpperCase());
  if (event.key === "/") goTo(event, document.querySelector("#omni"));
  else if (event.key === "?") toggleHelp(event);
  else if (button) goTo(event, button); // one that cannot work now says why
}

function typing(target) {
  if (!(target instanceof Element)) return false;
  const field = target.closest(FIELDS);
  return field !== null && !["checkbox", "radio", "button", "submit"].includes(field.type);
}

function buttonOf(key) {
  const all = [...document.querySelectorAll("[aria-keyshortcuts]")].filter((each) => carries(each, key) && opened(each));
  const near = all.filter((each) => each.closest("article")?.contains(document.activeElement));
  const found = near.length ? near : all;
  return found.find((each) => each.closest("[data-drawer]")) ?? found[0]; // the keypad that is open, before a list
}

// What is folded away in the card can be reached too: the field of a note opens with its key.
function opened(each) {
  const folded = each.closest("details:not([open])");
  return usable(each) || (folded && folded.offsetParent !== null && each.matches(FIELDS));
}

function goTo(event, one) {
  if (!one) return;
  event.preventDefault();
  const folded = one.closest("details:not([open])");
  if (folded && !one.closest("summary")) folded.open = true;
  if (one.matches("input:not([type=checkbox], [type=radio]), textarea, select")) one.focus();
  else one.click();
}

// --- the list of keys ------------------------------------------------------------------------------------------------

// Not modal: a phone may ring at any time, and its card must stay in reach.
function toggleHelp(event) {
  const help = document.getElementById("keys-help");
  if (!help) return;
  event?.preventDefault();
  if (help.open) help.close();
  else {
    list(help.querySelector("[data-keys-here]"));
    help.show();
    help.focus();
  }
}

function list(body) {
  const rows = new Map();
  for (const each of document.querySelectorAll("[aria-keyshortcuts]")) {
    if (!opened(each)) continue;
    for (const key of each.getAttribute("aria-keyshortcuts").split(" ")) if (!rows.has(key)) rows.set(key, nameOf(each));
  }
  body.replaceChildren(...[...rows].sort().map(([key, text]) => row(key, text)));
}

function nameOf(each) {
  const label = each.getAttribute("aria-label") || each.labels?.[0]?.textContent || each.textContent;
  const copy = each.labels?.[0] || each.getAttribute("aria-label") ? null : each.cloneNode(true);
  for (const extra of copy?.querySelectorAll("kbd, svg, .two-words, .sr") ?? []) extra.remove();
  return (copy?.textContent ?? label).replace(/\s+/g, " ").trim().slice(0, 60);
}

function row(key, text) {
  const line = document.createElement("div");
  const term = document.createElement("dt");
  const mark = document.createElement("kbd");
  const says = document.createElement("dd");
  mark.textContent = key;
  says.textContent = text;
  term.append(mark);
  line.append(term, says);
  return line;
}

export function watchHelp() {
  const help = document.getElementById("keys-help");
  if (!help) return;
  for (const button of document.querySelectorAll("[data-keys-help]")) button.addEventListener("click", () => toggleHelp());
  help.querySelector("[data-keys-close]").addEventListener("click", () => help.close());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !help.open || event.defaultPrevented) return;
    event.preventDefault();
    help.close();
  }, true);
}
