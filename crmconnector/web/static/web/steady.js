// Nothing moves under the fingers: what somebody types into or points at stays at its place of the screen when a card
// comes or goes above it. The page is scrolled by as much, and made longer where it cannot be scrolled so far.
const POINTING_MS = 2000;
let pointed = null;
let pointedAt = -Infinity;

document.addEventListener("pointermove", (event) => {
  pointed = event.target;
  pointedAt = performance.now();
}, { passive: true });

function inUse() {
  const focused = document.activeElement;
  if (focused?.closest("#main") && focused.id !== "main") return focused;
  const pointing = performance.now() - pointedAt < POINTING_MS && pointed?.isConnected && pointed.closest("#main a, #main button, #main .card");
  return pointing || null;
}

export function steady(change) {
  const held = inUse();
  const before = held?.getBoundingClientRect().top;
  change();
  if (!held?.isConnected || !held.checkVisibility()) return;
  const moved = Math.round(held.getBoundingClientRect().top - before);
  if (!moved) return;
  const page = document.scrollingElement;
  const missing = page.scrollTop + moved - (page.scrollHeight - page.clientHeight);
  if (missing > 0) document.getElementById("main").style.paddingBlockEnd = `${missing + room()}px`;
  page.scrollTop += moved;
}

function room() {
  return Number.parseFloat(getComputedStyle(document.getElementById("main")).paddingBlockEnd) || 0;
}

// The added length goes when nobody uses the page's parts any more.
export function relax() {
  const main = document.getElementById("main");
  if (main.style.paddingBlockEnd && !inUse() && scrollY === 0) main.style.paddingBlockEnd = "";
}
