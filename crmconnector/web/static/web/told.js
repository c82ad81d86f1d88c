// What a ring says to people besides its card: the tab's title, one sentence for screen readers, one tone and one
// notification for the whole browser. Later changes go to a polite line; nothing of it moves the focus.
import { number } from "./cards.js";
import { notify, unnotify } from "./notify.js";
import { plain } from "./plain.js";
import { quietTick, softTone } from "./sound.js";
import { isOn } from "./switches.js";

const REMEMBERED = 100;
const MOST_SENTENCES = 3;

// --- for the whole browser, by the tab that leads --------------------------------------------------------------------

export class Herald {
  // shown: the calls that were in the page when it was opened; whoever opens it sees them, so they are not told
  constructor({ user, presence, talking, go, shown }) {
    Object.assign(this, { presence, talking, go, key: `crmconnector-told-${user}`, own: shown });
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(`crmconnector-tone-${user}`) : null;
    this.channel?.addEventListener("message", ({ data }) => data.to === presence.id && this.sound(data.talking));
  }

  // Remembered for all tabs: one that takes over, or a second window, says nothing again.
  isNew(pop) {
    let told = [];
    try {
      told = JSON.parse(localStorage.getItem(this.key) || "[]");
    } catch {
      // storage may be forbidden: this tab remembers for itself
    }
    if (told.includes(pop) || this.own.includes(pop)) return false;
    this.own = [...this.own, pop].slice(-REMEMBERED);
    try {
      localStorage.setItem(this.key, JSON.stringify([...told, pop].slice(-REMEMBERED)));
    } catch {
      // as above
    }
    return true;
  }

  heard(content, leads) {
    const pop = number(content.pop);
    if (content.state !== "ringing") this.over(pop);
    else if (leads && content.announce && this.isNew(pop)) this.ring(pop, content);
  }

  over(pop) {
    unnotify(pop);
  }

  ring(pop, content) {
    if (!this.presence.isLookedAt()) notify(pop, { title: content.title, text: content.about ?? "", go: this.go });
    if (!isOn("sound", false) || (this.presence.isVisible() && !isOn("headset", false))) return;
    const to = this.presence.loudest();
    if (to === this.presence.id) this.sound(this.talking());
    else this.channel.postMessage({ to, talking: this.talking() });
  }

  sound(talking) {
    if (talking) quietTick();
    else softTone();
  }
}

// --- in each tab -----------------------------------------------------------------------------------------------------

export class Lines {
  constructor(cards) {
    Object.assign(this, { cards, plainTitle: document.title, callers: new Map() });
    this.announced = new Set(cards.list().map((card) => number(card.dataset.pop)));
    for (const card of cards.list()) this.callers.set(number(card.dataset.pop), whoIn(card));
    this.alert = document.getElementById("announce");
    this.polite = document.getElementById("told");
    this.above = document.getElementById("ring-above");
    this.above.addEventListener("click", () => this.goTo(this.cards.list("ringing")[0]));
    addEventListener("scroll", () => this.pointUp(), { passive: true });
    this.retitle();
  }

  changed(changes) {
    const rings = [];
    const later = [];
    for (const { card, before, content } of changes) {
      const pop = number(card.dataset.pop);
      this.callers.set(pop, plain(content?.title || whoIn(card), 80));
      if (content?.announce && !this.announced.has(pop)) rings.push(content.announce);
      else if (before !== null) later.push(sentenceOf(card, before));
      this.announced.add(pop);
    }
    if (rings.length) this.alert.textContent = this.rings(rings);
    const said = later.filter(Boolean);
    if (said.length) this.polite.textContent = said.slice(0, MOST_SENTENCES).join(" ");
    this.retitle();
  }

  rings(sentences) {
    const first = plain(sentences[0], 400);
    return sentences.length > 1 ? `${first} ${this.polite.dataset.more.replace("%n", String(sentences.length - 1))}` : first;
  }

  retitle() {
    const ringing = this.cards.list("ringing");
    const who = ringing.length ? this.callers.get(number(ringing[0].dataset.pop)) : "";
    const title = ringing.length ? `(${ringing.length}) ${who || this.plainTitle}` : this.plainTitle;
    if (document.title !== title) document.title = title;
    this.pointUp();
  }

  // The page was kept still for whoever types, so the ringing card came above what is in view: one button says so.
  pointUp() {
    const card = this.cards.list("ringing")[0];
    const above = card && card.getBoundingClientRect().bottom < 40;
    if (above) this.above.querySelector("bdi").textContent = this.callers.get(number(card.dataset.pop)) ?? "";
    this.above.hidden = !above;
  }

  goTo(card) {
    if (!card) return;
    card.hidden = false;
    card.scrollIntoView({ block: "center" });
    card.focus({ preventScroll: true });
  }
}

function whoIn(card) {
  return plain(document.getElementById(`${card.id}-who`)?.textContent, 80);
}

// Answered elsewhere, ended, on hold: the card's own words, once, when its state changed or its phone's answer did.
const lastSaid = new Map();
function sentenceOf(card, before) {
  const { pop, state } = card.dataset;
  const tells = card.querySelector("[data-tells], .tells");
  const said = card.querySelector("[data-said]:not([hidden])");
  const told = plain(said?.textContent, 300);
  const fresh = told && lastSaid.get(pop) !== told ? told : "";
  lastSaid.set(pop, told);
  if (before === state) return fresh;
  if (state === "closed" && tells) return plain(tells.textContent, 300);
  const word = plain(card.querySelector(".strip .word :not(.two-words), .strip .word")?.textContent, 60);
  return `${word}: ${whoIn(card)}. ${fresh}`.trim();
}
