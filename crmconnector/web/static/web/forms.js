// Forms on a card: the Answer button, and what a form says when its order did not arrive.
import { sending, settled } from "./morph.js";

const sent = new WeakSet(); // forms on their way

function say(form, tone, text) {
  const line = form.closest("article")?.querySelector("[data-said]");
  if (!line || !text) return;
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

const onCard = (event) => event.target.closest?.("#cards form");

function sentenceIn(xhr) {
  try {
    return JSON.parse(xhr.responseText).sentence || "";
  } catch {
    return ""; // an error page instead of a sentence
  }
}

export function watchForms(body) {
  body.addEventListener("htmx:beforeRequest", (event) => {
    const form = onCard(event);
    if (!form) return;
    sent.add(form);
    sending(form);
    if (!form.matches("[data-answer]")) return;
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
    if (form.matches("[data-answer]")) setAsked(form, false);
    say(form, "no", sentenceIn(event.detail.xhr) || form.dataset.failed);
  });
  for (const lost of ["htmx:sendError", "htmx:timeout"]) {
    body.addEventListener(lost, (event) => {
      const form = onCard(event);
      if (form) say(form, "care", form.dataset.unsure);
    });
  }
}
