// On every page: keys, the account menu, switches that this browser remembers.
import "./clock.js";

export function isOn(name, otherwise) {
  try {
    return (localStorage.getItem(`switch.${name}`) ?? String(otherwise)) === "true";
  } catch {
    return otherwise; // storage may be forbidden
  }
}

for (const box of document.querySelectorAll("[data-switch]")) {
  box.checked = isOn(box.dataset.switch, box.defaultChecked);
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(`switch.${box.dataset.switch}`, String(box.checked));
    } catch {
      box.checked = box.defaultChecked;
    }
  });
}

function typing(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

// One letter presses the first visible button that carries it; never while somebody types, never with a modifier.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const menu = document.querySelector("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    return;
  }
  if (typing(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector("#omni")?.focus();
    return;
  }
  if (!isOn("keys", true) || event.repeat) return;
  const key = event.key.toUpperCase();
  const button = [...document.querySelectorAll("[aria-keyshortcuts]")].find(
    (each) => each.getAttribute("aria-keyshortcuts") === key && each.offsetParent !== null,
  );
  if (button && button.getAttribute("aria-disabled") !== "true") {
    event.preventDefault();
    button.click();
  }
});

document.addEventListener("click", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});
