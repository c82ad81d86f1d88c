// Running times. The server's clock is the truth: the browser's own may be minutes off.
let offset = 0; // seconds to add to the browser's clock

export function serverNow() {
  return Date.now() / 1000 + offset;
}

export function setServerNow(seconds) {
  if (Number.isFinite(seconds)) offset = seconds - Date.now() / 1000;
}

export function running(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function tick() {
  const now = serverNow();
  for (const each of document.querySelectorAll("[data-since]")) {
    const since = Number.parseFloat(each.dataset.since);
    if (!Number.isFinite(since)) continue;
    const text = running(now - since);
    if (each.textContent !== text) each.textContent = text;
  }
}

export function clockText(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(document.documentElement.lang || undefined, { hour12: false });
}

setInterval(tick, 500);
