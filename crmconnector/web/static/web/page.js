// On every page: keys, the account menu, switches that this browser remembers.
import "./clock.js";
import { watchDialForms } from "./dial.js";
import { press, watchHelp } from "./keys.js";
import { watchNotifyBox } from "./notify.js";
import "./omni.js";
import { watchBoxes } from "./switches.js";

watchBoxes();
watchNotifyBox();
watchHelp();
watchDialForms(document.body);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const menu = document.querySelector("details.menu[open]");
  if (event.key !== "Escape") press(event);
  else if (menu) {
    event.preventDefault();
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});
