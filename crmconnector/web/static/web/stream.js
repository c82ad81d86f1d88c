// The stream of cards: one connection per browser. The tab that leads holds it and passes everything on to the others.
import { Leader } from "./leader.js";

const RETRY_MS = [1000, 2000, 5000, 10000];
const NAMES = ["hello", "card", "look", "still", "resync", "crowded", "bye"];
const CHECK_MS = 5000;
const SILENT_MS = 40000; // the server says something every 15 s
const ASKED_MS = 3000;
const SLEPT_MS = 15000; // a check so late in a tab that is looked at: the machine slept
const SLEPT_HIDDEN_MS = 90000; // browsers let the timers of hidden tabs run once a minute

export class Stream {
  // handlers: event(name, content), state("open" | "lost"), slept(), leads() when this tab took over
  constructor({ url, after, name, id, handlers }) {
    Object.assign(this, { url, after, id, handlers, source: null, tries: 0, retry: null, last: null });
    this.heardAt = this.checkedAt = Date.now();
    this.askedAt = null;
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(name) : null;
    this.channel?.addEventListener("message", (message) => this.heard(message.data));
    this.channel?.postMessage({ kind: "who" });
    this.leader = new Leader(name, id, (leads) => (leads ? this.takeOver() : this.close()));
    this.watch();
  }

  get leading() {
    return this.leader?.leads ?? false;
  }

  // --- asleep and awake: what happens late, or not at all, is noticed by the clock -----------------------------------

  watch() {
    setInterval(() => this.check(), CHECK_MS);
    const look = () => document.hidden || this.check();
    document.addEventListener("visibilitychange", look);
    document.addEventListener("resume", () => this.check());
    addEventListener("pageshow", (event) => event.persisted && this.wake());
    addEventListener("online", () => this.leading && this.last === "lost" && this.open());
  }

  check() {
    const now = Date.now();
    const late = now - this.checkedAt - CHECK_MS;
    this.checkedAt = now;
    if (late > (document.hidden ? SLEPT_HIDDEN_MS : SLEPT_MS)) this.wake();
    else if (now - this.heardAt < SILENT_MS) this.askedAt = null;
    else if (this.leading) this.open();
    else this.doubt(now);
  }

  // The leader opens its stream anew and is told what it missed; the others look for themselves.
  wake() {
    if (this.leading) this.open();
    this.heardAt = Date.now();
    this.handlers.slept();
  }

  // The leader has not spoken for long: ask it, and if it does not answer, lead.
  doubt(now) {
    if (this.askedAt === null) {
      this.askedAt = now;
      this.channel?.postMessage({ kind: "who" });
    } else if (now - this.askedAt >= ASKED_MS && !document.hidden) this.leader.steal();
  }

  // --- the connection, in the tab that leads -------------------------------------------------------------------------

  takeOver() {
    this.open();
    queueMicrotask(() => this.handlers.leads());
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  open() {
    this.close();
    this.heardAt = Date.now();
    const source = new EventSource(`${this.url}?after=${this.after}`);
    this.source = source;
    for (const name of NAMES) source.addEventListener(name, (event) => this.source === source && this.got(name, event));
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      this.tell({ kind: "state", state: "lost" });
      // Closed for good (an error page, a sign-in page): the browser does not try again by itself.
      if (source.readyState === EventSource.CLOSED) this.again();
    });
  }

  again() {
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.leading && this.open(), wait);
  }

  got(name, event) {
    let content = {};
    try {
      content = JSON.parse(event.data || "{}");
    } catch {
      return;
    }
    if (event.lastEventId) this.after = Math.max(this.after, Number(event.lastEventId) || 0);
    if (name === "hello") {
      this.tries = 0;
      this.tell({ kind: "state", state: "open" });
    }
    if (name === "bye" || name === "crowded") {
      this.source?.close();
      this.again();
    }
    this.tell({ kind: "event", name, content, after: this.after });
  }

  // --- between the tabs ----------------------------------------------------------------------------------------------

  tell(message) {
    this.last = message.kind === "state" ? message.state : this.last;
    this.take(message);
    this.channel?.postMessage(message);
  }

  heard(message) {
    if (message.kind === "who") {
      if (this.leading && this.last) this.channel.postMessage({ kind: "state", state: this.last, after: this.after });
    } else if (!this.leading) {
      // This page was drawn before the leader passed on what is newer: it came while nobody here listened.
      const missed = message.kind === "state" && (message.after || 0) > this.after;
      this.take(message);
      if (missed) this.handlers.slept();
    }
  }

  take(message) {
    this.heardAt = message.kind === "state" && message.state === "lost" ? this.heardAt : Date.now();
    this.askedAt = null;
    this.after = Math.max(this.after, message.after || 0);
    if (message.kind === "state") this.handlers.state(message.state);
    else this.handlers.event(message.name, message.content);
  }
}
