// Desktop notifications: only after the person switched them on, which is when the browser is asked for its permission.
// Text only. Browsers offer them over https (and on this very machine) alone, and not on Android without an installed
// app; whoever closes the tab that leads takes its notifications along.
import { plain } from "./plain.js";
import { isOn, remember } from "./switches.js";

const MOST_OPEN = 5;
const MOST_LETTERS = 80;
const open = new Map(); // pop -> Notification

export const possible = () => "Notification" in window && window.isSecureContext;

export function notify(pop, { title, text, go }) {
  if (!isOn("notify", false) || !possible() || Notification.permission !== "granted" || open.size >= MOST_OPEN) return;
  try {
    const shown = new Notification(plain(title, MOST_LETTERS), {
      body: plain(text, MOST_LETTERS), tag: `crmconnector-pop-${pop}`, silent: true,
    });
    open.set(pop, shown);
    shown.onclick = () => { window.focus(); shown.close(); go(pop); };
    shown.onclose = () => open.get(pop) === shown && open.delete(pop);
  } catch {
    // Android: only an installed app may; the card is there anyway
  }
}

export function unnotify(pop) {
  open.get(pop)?.close();
  open.delete(pop);
}

addEventListener("pagehide", () => [...open.keys()].forEach(unnotify));

// The box in the account menu. It stays off when the browser says no, and says why.
export function watchNotifyBox() {
  const box = document.querySelector('[data-switch="notify"]');
  const said = document.querySelector("[data-notify-said]");
  if (!box || !said) return;
  const tell = (why) => {
    said.textContent = why ? said.dataset[why] : "";
    said.hidden = !why;
  };
  const off = (why) => {
    box.checked = false;
    remember("notify", false);
    tell(why);
  };
  if (!possible()) tell("missing");
  else if (Notification.permission === "denied") off("denied");
  else if (box.checked && Notification.permission !== "granted") off("");
  box.addEventListener("change", async () => {
    tell("");
    if (!box.checked) return;
    if (!possible()) return off("missing");
    const answer = Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
    if (answer !== "granted") off(answer === "denied" ? "denied" : "unanswered");
  });
}
