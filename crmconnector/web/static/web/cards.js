// The stack of cards: drawn ten times a second at most, ringing first, five ringing ones shown, gone when they ask
// nothing more. Every drawing says what changed; nothing in here sounds, notifies or speaks.
import { Away } from "./away.js";
import { serverNow } from "./clock.js";
import { hasTyped, morph } from "./morph.js";
import { Painter } from "./painter.js";
import { post } from "./post.js";
import { relax, steady } from "./steady.js";

const ELSEWHERE_MS = 20000;
const GO_BY_THEMSELVES = ["elsewhere", "test", "hung_up"];
const MOST_CLOSED = 3;
const MOST_RINGING = 5;
const RANK = { ringing: 0, dialling: 0, talking: 1, held: 1, closed: 2 };
const rank = (card) => RANK[card.dataset.state] ?? 2;
export const number = (text) => Number.parseInt(text, 10) || 0;

export class Cards {
  // changed([{card, before, content}]): after each drawing; before is the state it had, null for a new card
  constructor(home, name, changed) {
    Object.assign(this, { home, changed, away: new Away(`${name}-away`), newest: new Map(), all: false });
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(`${name}-closed`) : null;
    this.channel?.addEventListener("message", ({ data }) => this.closedElsewhere(data));
    this.met = new Set(this.list().map((card) => number(card.dataset.pop)));
    for (const card of this.list()) {
      this.newest.set(number(card.dataset.pop), number(card.dataset.version));
      if (this.isAway(card)) card.remove();
    }
    this.more = document.getElementById("cards-more");
    this.painter = new Painter((contents) => this.draw(contents));
    this.more.addEventListener("click", () => { this.all = !this.all; this.stack(); });
    home.addEventListener("click", (event) => {
      const close = event.target.closest("[data-close]");
      if (!close) return;
      if (close.dataset.close) post(close.dataset.close);
      this.putAway(close.closest("article"));
    });
    setInterval(() => this.sweep(), 1000);
    this.stack();
  }

  list(state) {
    return [...this.home.querySelectorAll(state ? `:scope > article[data-state="${state}"]` : ":scope > article")];
  }

  of(pop) {
    return document.getElementById(`card-${number(pop)}`);
  }

  get talking() {
    return this.home.querySelector(':scope > article[data-state="talking"]') !== null;
  }

  // Returns whether it is newer than all that came before for its call, drawn or not.
  take(content) {
    const [pop, version] = [number(content.pop), number(content.version)];
    const isNews = version > (this.newest.get(pop) ?? 0) && !this.away.covers(pop, version, content.state);
    if (isNews) this.newest.set(pop, version);
    this.painter.add(pop, version, content);
    return isNews;
  }

  isAway(card) {
    return this.away.covers(number(card.dataset.pop), number(card.dataset.version), card.dataset.state);
  }

  draw(contents) {
    const changes = [];
    steady(() => {
      for (const content of contents) {
        const fresh = parsed(content.html);
        const change = fresh && this.place(fresh);
        if (change) changes.push({ ...change, content });
      }
      if (changes.length) this.settle();
    });
    if (changes.length) this.changed(changes);
  }

  // A newer card is drawn into the old one; an older one, or one that was closed by hand, is not drawn.
  place(fresh) {
    const { pop, state } = fresh.dataset;
    const old = this.of(pop);
    const version = number(fresh.dataset.version);
    if ((old && version <= number(old.dataset.version)) || this.isAway(fresh)) return null;
    if (!old && state === "closed" && !this.met.has(number(pop))) return null; // it came and went while nobody listened
    this.met.add(number(pop));
    const before = old?.dataset.state ?? null;
    const moved = old ? morph(old, fresh) : [];
    if (!old) {
      fresh.classList.add("arrive");
      this.home.insertBefore(fresh, document.getElementById("idle"));
    }
    const card = old ?? fresh;
    window.htmx?.process(card);
    for (const field of moved) field.dispatchEvent(new Event("input", { bubbles: true })); // a note saves itself
    return { card, before };
  }

  settle() {
    this.arrange();
    this.stack();
  }

  // Ringing first, then the call in hand, then what is over. The card in use stays where it is; the others go round it.
  arrange() {
    const wanted = this.list().sort((one, other) => rank(one) - rank(other));
    const fixed = Math.max(0, wanted.findIndex((card) => card.contains(document.activeElement)));
    for (let at = fixed - 1; at >= 0; at -= 1) {
      if (wanted[at].nextElementSibling !== wanted[at + 1]) this.home.insertBefore(wanted[at], wanted[at + 1]);
    }
    for (let at = fixed + 1; at < wanted.length; at += 1) {
      if (wanted[at].previousElementSibling !== wanted[at - 1]) wanted[at - 1].after(wanted[at]);
    }
  }

  // Of many that ring the first five are shown, and those in use; the rest waits behind one button.
  stack() {
    const late = this.list("ringing").slice(MOST_RINGING).filter((card) => !card.contains(document.activeElement) && !hasTyped(card));
    for (const card of this.list()) card.hidden = !this.all && late.includes(card);
    const { more, less } = this.more.dataset;
    const text = this.all ? less : more.replace("%n", String(late.length));
    if (this.more.textContent !== text) this.more.textContent = text;
    this.more.setAttribute("aria-expanded", String(this.all));
    this.more.hidden = late.length === 0;
    if (late.length === 0) this.all = false;
  }

  close(card) {
    const button = card.querySelector("[data-close]");
    if (button) button.click();
    else this.putAway(card);
  }

  // By hand: gone from the other tabs of this browser too.
  putAway(card) {
    const said = { pop: number(card.dataset.pop), version: number(card.dataset.version), over: card.dataset.state === "closed" };
    this.away.keep(said.pop, said.version, said.over);
    this.channel?.postMessage(said);
    this.dismiss(card);
  }

  // This tab may have drawn less of the call by now, or more.
  closedElsewhere({ pop, version, over }) {
    const card = this.of(pop);
    if (card && hasTyped(card)) return;
    this.away.add(pop, version, over);
    if (card && this.isAway(card)) this.dismiss(card);
  }

  dismiss(card) {
    const { pop, version, state } = card.dataset;
    if (!this.isAway(card)) this.away.add(number(pop), number(version), state === "closed");
    const hadFocus = card.contains(document.activeElement);
    steady(() => card.remove());
    if (hadFocus) document.getElementById("main").focus({ preventScroll: true });
    this.changed([]);
  }

  // Only what asks nothing more goes by itself (a note or an outcome may be due), and not from under somebody's hands.
  sweep() {
    const now = serverNow();
    this.list("closed").filter((card) => !("stays" in card.dataset)).forEach((card, at) => {
      const busy = card.matches(":hover") || card.contains(document.activeElement) || hasTyped(card);
      const old = now - Number.parseFloat(card.dataset.closedAt) > ELSEWHERE_MS / 1000;
      if (!busy && ((GO_BY_THEMSELVES.includes(card.dataset.closed) && old) || at >= MOST_CLOSED)) this.dismiss(card);
    });
    relax();
  }

  // All cards as the server had them at the version `after`, for a page that cannot trust what it shows. They are drawn
  // as those of the stream are; returns the calls whose cards are gone. A card newer than `after` came meanwhile.
  replaceAll(contents, after) {
    const known = new Set(contents.map((content) => number(content.pop)));
    const lost = this.list().filter((card) => {
      const { pop, version, state } = card.dataset;
      return !known.has(number(pop)) && number(version) <= after && state !== "closed" && !hasTyped(card);
    });
    steady(() => {
      for (const card of lost) card.remove();
      this.settle();
    });
    for (const content of contents) this.met.add(number(content.pop));
    this.changed([]);
    return lost.map((card) => number(card.dataset.pop));
  }
}

function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // from our own server, drawn by the same template as the page
  return holder.content.querySelector("article[data-pop]");
}

// The answer of the server to "all cards anew", as contents like those of the stream.
export function cardsIn(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // as above
  const contents = [...holder.content.querySelectorAll("[data-anew]")].map((each) => {
    const { pop, version, state } = each.querySelector("article[data-pop]").dataset;
    return { ...each.dataset, pop: number(pop), version: number(version), state, html: each.innerHTML };
  });
  return { contents, after: number(holder.content.querySelector("[data-after]")?.dataset.after) };
}
