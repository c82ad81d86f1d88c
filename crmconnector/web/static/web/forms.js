// Forms on a card: Answer and the other verbs, and what a form says when its order did not arrive.
import { serverNow } from "./clock.js";
import { sending, settled } from "./morph.js";

const sent = new WeakSet(); // forms on their way

const ORDERS = "[data-answer], [data-verb]";
const LATE_SECONDS = 3.5; // by then the server has said how it stands, when it can

export function say(part, tone, text) {
  const line = part.closest("article")?.querySelector("[data-said]");
  if (!line || !text) return;
  line.className = `said ${tone}`;
  line.querySelector("svg")?.remove();
  line.querySelector("span").textContent = text;
  delete line.dataset.askedAt;
  line.hidden = false;
}

// Nobody said how it ended: the page does not go on saying "asked" as if all were well.
export function sayLate() {
  for (const line of document.querySelectorAll("#cards [data-said][data-asked-at]")) {
    if (serverNow() - Number.parseFloat(line.dataset.askedAt) > LATE_SECONDS && line.matches(".wait")) say(line, "care", line.dataset.late);
  }
}

function setAsked(form, asked) {
  const button = form.querySelector("button");
  button.toggleAttribute("data-asked", asked);
  if (form.matches("[data-answer]")) button.classList.toggle("go", !asked);
  button.setAttribute("aria-disabled", String(asked));
}

// A verb that is not possible keeps its place; whoever presses it is told why. One that is asked already says so itself.
function sayWhyNot(event) {
  const button = event.target.closest?.("#cards button[aria-disabled=true][title]:not([data-asked])");
  if (!button) return;
  event.preventDefault();
  say(button, "care", button.title);
  document.getElementById("told").textContent = button.title;
}

const onCard = (event) => event.target.closest?.("#cards form");

export function sentenceIn(text) {
  try {
    return JSON.parse(text).sentence || "";
  } catch {
    return ""; // an error page instead of a sentence
  }
}

export function watchForms(body) {
  setInterval(sayLate, 500);
  body.addEventListener("click", sayWhyNot, true);
  body.addEventListener("htmx:beforeRequest", (event) => {
    const form = onCard(event);
    if (!form) return;
    sent.add(form);
    sending(form);
    if (!form.matches(ORDERS)) return;
    if (form.querySelector("button").getAttribute("aria-disabled") === "true") event.preventDefault();
    else setAsked(form, true);
  });
  // The form may be gone from the page by now: a newer card came before the answer to this request.
  body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt?.closest?.("form");
    if (form && sent.delete(form)) settled(form, event.detail.successful === true);
  });
  body.addEventListener("htmx:responseError", (event) => {
    const form = onCard(event);
    if (!form) return;
    if (form.matches(ORDERS)) setAsked(form, false);
    say(form, "no", sentenceIn(event.detail.xhr.responseText) || form.dataset.failed);
  });
  for (const lost of ["htmx:sendError", "htmx:timeout"]) {
    body.addEventListener(lost, (event) => {
      const form = onCard(event);
      if (form) say(form, "care", form.dataset.unsure);
    });
  }
}
