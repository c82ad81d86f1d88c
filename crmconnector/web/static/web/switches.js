// Switches that this browser remembers: letter keys, the tone, notifications. Any page may show a box for them.
const PREFIX = "switch.";

export function isOn(name, otherwise) {
  try {
    return (localStorage.getItem(PREFIX + name) ?? String(otherwise)) === "true";
  } catch {
    return otherwise; // storage may be forbidden
  }
}

// Returns whether it could be remembered.
export function remember(name, on) {
  try {
    localStorage.setItem(PREFIX + name, String(on));
    return true;
  } catch {
    return false;
  }
}

export function watchBoxes() {
  const boxes = [...document.querySelectorAll("[data-switch]")];
  const show = () => { for (const box of boxes) box.checked = isOn(box.dataset.switch, box.defaultChecked); };
  show();
  for (const box of boxes) {
    box.addEventListener("change", () => {
      if (!remember(box.dataset.switch, box.checked)) box.checked = box.defaultChecked;
    });
  }
  addEventListener("storage", (event) => event.key?.startsWith(PREFIX) && show()); // switched in another tab
}
