// The drawers below a call's verbs: whom to hand it to, and the keypad. What is open, chosen and typed belongs to the
// person; a newer drawing of the card does not close, choose or forget anything.
import { say, sentenceIn } from "./forms.js";
import { token } from "./post.js";

const TYPING_MS = 450; // tones typed one after another go out together
const MOST_TONES = 20;
const opened = new Map(); // pop -> {name: of the drawer, slot: of the button that opened it}
const chosen = new Map(); // pop -> id of the option
const tones = new Map(); // pop -> {waiting, sent, used: key of the last batch, timer}

const cardOf = (node) => node.closest("#cards > article");
const popOf = (node) => cardOf(node)?.dataset.pop;
const drawerOf = (card, name) => card.querySelector(`[data-drawer="${name}"]`);

// --- open and shut ---------------------------------------------------------------------------------------------------

// After every drawing, before anything of it is seen.
export function refresh(card) {
  if (card.dataset.state === "closed") opened.delete(card.dataset.pop);
  const { name, slot } = opened.get(card.dataset.pop) ?? {};
  for (const drawer of card.querySelectorAll("[data-drawer]")) drawer.hidden = drawer.dataset.drawer !== name;
  for (const button of card.querySelectorAll("[data-opens]")) button.setAttribute("aria-expanded", String(button.dataset.slot === slot));
  mark(card);
  showTones(card);
  flushSoon(card, 0);
}

function open(card, { opens: name, slot }) {
  opened.set(card.dataset.pop, { name, slot });
  refresh(card);
  const field = drawerOf(card, name).querySelector("[data-whom]");
  if (!field) return;
  field.focus();
  if (listOf(card)?.dataset.text !== field.value.trim()) window.htmx.trigger(field, "look");
}

// Returns whether one was open. The focus goes back to the button that opened it.
export function shut(card) {
  const one = card && opened.get(card.dataset.pop);
  if (!one) return false;
  const inside = drawerOf(card, one.name)?.contains(document.activeElement);
  opened.delete(card.dataset.pop);
  refresh(card);
  if (inside) (card.querySelector(`[data-slot="${one.slot}"]`) ?? card).focus({ preventScroll: true });
  return true;
}

function clicked(event) {
  const card = cardOf(event.target);
  const button = event.target.closest("[data-opens], [data-shuts], [data-tone], [role=option], form[data-verb] button");
  if (!card || !button || button.getAttribute("aria-disabled") === "true") return;
  if (button.matches("[data-opens]")) toggle(card, button.dataset);
  else if (button.matches("[data-shuts]")) shut(card);
  else if (button.matches("[data-tone]")) type(card, button.dataset.tone);
  else if (button.matches("[role=option]")) choose(card, button);
  else aim(card, button.form);
}

function toggle(card, button) {
  if (opened.get(card.dataset.pop)?.slot === button.slot) shut(card);
  else open(card, button);
}

// --- whom ------------------------------------------------------------------------------------------------------------

const fieldOf = (card) => card.querySelector("[data-whom]");
const listOf = (card) => card.querySelector("[data-targets] [data-text]");
const options = (card) => [...card.querySelectorAll("[data-targets] [role=option]")];
const optionOf = (card) => options(card).find((each) => each.id === chosen.get(card.dataset.pop));

function choose(card, option) {
  chosen.set(card.dataset.pop, option?.id);
  mark(card);
  option?.scrollIntoView({ block: "nearest" });
}

function mark(card) {
  const field = fieldOf(card);
  if (!field) return;
  const option = optionOf(card);
  for (const each of options(card)) each.setAttribute("aria-selected", String(each === option));
  field.setAttribute("aria-expanded", String(options(card).length > 0));
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
}

// Only what was found for the text as it stands now: a list that is late must not decide whom is called.
function whom(card) {
  const text = fieldOf(card).value.trim();
  if (listOf(card)?.dataset.text !== text) return null;
  return optionOf(card)?.dataset.number ?? (/[0-9]/.test(text) ? text : "");
}

function aim(card, form) {
  const field = form?.querySelector("input[name=target]");
  if (field) field.value = whom(card) ?? "";
}

function listed(event) {
  const place = event.target.closest?.("[data-targets]");
  const card = place && cardOf(place);
  if (!card) return;
  const text = fieldOf(card).value.trim();
  choose(card, text && listOf(card)?.dataset.text === text ? options(card)[0] : null);
}

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

function pressed(event) {
  const card = event.target.matches?.("[data-whom]") && !event.isComposing ? cardOf(event.target) : null;
  if (!card) return;
  if (event.key in STEPS) {
    event.preventDefault();
    const all = options(card);
    const at = all.indexOf(optionOf(card));
    if (all.length) choose(card, all[at < 0 && event.key === "ArrowUp" ? all.length - 1 : (at + STEPS[event.key] + all.length) % all.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (whom(card) === null) return window.htmx.trigger(event.target, "look"); // not found yet: press again when it is
    const forms = [...drawerOf(card, "transfer").querySelectorAll("form:has(input[name=target]) button")];
    forms.find((button) => button.getAttribute("aria-disabled") !== "true")?.click();
  }
}

// --- tones -----------------------------------------------------------------------------------------------------------

function toned(card) {
  const pop = card.dataset.pop;
  if (!tones.has(pop)) tones.set(pop, { waiting: "", sent: "", used: null, timer: null });
  return tones.get(pop);
}

function type(card, tone) {
  toned(card).waiting += tone;
  showTones(card);
  flushSoon(card, TYPING_MS);
}

function flushSoon(card, wait) {
  const one = toned(card);
  if (!one.waiting) return;
  if (wait) clearTimeout(one.timer);
  else if (one.timer !== null) return; // somebody types still
  one.timer = setTimeout(() => { one.timer = null; flush(card); }, wait);
}

// One batch after another: the key of the next try comes with the drawing that says how the last one ended.
async function flush(card) {
  const [one, pad] = [toned(card), drawerOf(card, "pad")];
  if (!pad || !one.waiting || "busy" in pad.dataset || one.used === pad.dataset.key) return;
  const digits = one.waiting.slice(0, MOST_TONES);
  one.used = pad.dataset.key;
  one.waiting = one.waiting.slice(digits.length);
  const body = new URLSearchParams({ key: one.used, digits });
  try {
    const answer = await fetch(pad.dataset.tones, { method: "POST", headers: { "X-CSRFToken": token(), "HX-Request": "true" }, body, redirect: "error" });
    if (answer.ok) one.sent += digits;
    else lost(card, one, "no", sentenceIn(await answer.text()) || pad.dataset.failed);
  } catch {
    lost(card, one, "care", pad.dataset.unsure);
  }
  showTones(card);
}

function lost(card, one, tone, text) {
  one.waiting = ""; // what was typed behind it made sense only behind it
  one.used = null;
  say(card, tone, text);
}

function showTones(card) {
  const line = card.querySelector("[data-toned]");
  if (!line) return;
  const { sent, waiting } = toned(card);
  const parts = [sent && [line.dataset.sent, sent], waiting && [line.dataset.waits, waiting]].filter(Boolean);
  line.replaceChildren(...(parts.length ? parts.flatMap(([word, digits]) => [`${word} `, spaced(digits), " "]) : [line.dataset.hint]));
}

function spaced(digits) {
  const mark = document.createElement("bdi");
  mark.className = "num";
  mark.textContent = [...digits].join(" ");
  return mark;
}

// --- for the desk ----------------------------------------------------------------------------------------------------

export function watchDrawers(body, cards) {
  body.addEventListener("click", clicked, true); // before the form is sent
  body.addEventListener("keydown", pressed);
  body.addEventListener("htmx:afterSwap", listed);
  body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (event.detail.successful && form.matches?.("[data-drawer] form[data-verb]")) shut(cardOf(form));
  });
  for (const card of cards.list()) refresh(card);
}
