// The box of the top bar: finds people and numbers while somebody types. Arrows choose, Enter does it, Esc puts it away.
import { call } from "./dial.js";

const WAIT_MS = 150;
const form = document.querySelector("form.omni");
const box = form?.querySelector("input");
const list = document.getElementById("omni-found");
let waiting = null;
let asked = 0;

const options = () => [...list.querySelectorAll("[role=option]")];
const chosen = () => list.querySelector("[aria-selected=true]");

function open(shown) {
  list.hidden = !shown;
  box.setAttribute("aria-expanded", String(shown));
  if (!shown) box.removeAttribute("aria-activedescendant");
}

async function look() {
  const number = (asked += 1);
  const text = box.value.trim();
  if (text.length < 2) return open(false);
  try {
    const answer = await fetch(`${list.dataset.find}?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" }, redirect: "error" });
    if (!answer.ok || number !== asked) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    if (number !== asked || document.activeElement !== box) return;
    list.replaceChildren(...[...fresh.children].map((one) => document.importNode(one, true)));
    open(list.children.length > 0);
    told(options().length);
  } catch {
    open(false); // Enter still searches among the contacts
  }
}

function told(count) {
  const line = document.getElementById("omni-told");
  line.textContent = line.dataset.many.replace("%n", count);
}

function choose(step) {
  const all = options();
  if (!all.length) return;
  const place = all.indexOf(chosen());
  const next = all[place < 0 ? (step > 0 ? 0 : all.length - 1) : (place + step + all.length) % all.length];
  chosen()?.setAttribute("aria-selected", "false");
  next.setAttribute("aria-selected", "true");
  box.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

function take(option) {
  open(false);
  if (option.dataset.open) return location.assign(option.dataset.open);
  const fields = new FormData();
  fields.set("number", option.dataset.call);
  box.value = "";
  call(fields, { form: option });
}

// A number, and nothing chosen: the page that asks before it dials, and says whose it is.
function ask(number) {
  const fields = new URLSearchParams({ number, next: location.pathname });
  location.assign(`${list.dataset.ask}?${fields}`);
}

if (box && list) {
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, WAIT_MS);
  });
  box.addEventListener("focus", () => list.children.length && box.value.trim().length > 1 && look());
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) look();
      else choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !list.hidden && chosen()) {
      event.preventDefault();
      take(chosen());
    } else if (event.key === "Enter" && !list.hidden && options()[0]?.dataset.call) {
      event.preventDefault();
      ask(options()[0].dataset.call);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (list.hidden) box.blur();
      else open(false);
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  box.addEventListener("blur", () => open(false));
}
