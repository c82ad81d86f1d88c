// The stream of cards: one connection per browser. The tab that leads holds it and passes everything on to the others.
// Leadership is a Web Lock; where locks do not exist (plain http), it is a lease in localStorage that must be renewed.
const RENEW_MS = 2000;
const LEASE_MS = 6000;
const RETRY_MS = [1000, 2000, 5000, 10000];
const NAMES = ["hello", "card", "resync", "crowded", "bye"];

export class Stream {
  // handlers: event(name, content), state("open" | "lost")
  constructor(url, after, user, handlers) {
    this.url = url;
    this.after = after;
    this.handlers = handlers;
    this.name = `crmconnector-desk-${user}`;
    this.id = Math.random().toString(36).slice(2);
    this.source = null;
    this.tries = 0;
    this.retry = null;
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(this.name) : null;
    this.channel?.addEventListener("message", (message) => this.heard(message.data));
    this.channel?.postMessage({ kind: "who" });
    this.elect();
  }

  elect() {
    if (!this.channel) this.lead(); // nobody to share with
    else if (navigator.locks) navigator.locks.request(this.name, () => new Promise(() => this.lead()));
    else this.lease();
  }

  // A lease is a promise to be alive: a frozen tab does not renew it, and another takes over.
  lease() {
    const renew = () => {
      let held = null;
      try {
        held = JSON.parse(localStorage.getItem(this.name) || "null");
        if (!held || held.id === this.id || held.until < Date.now()) {
          localStorage.setItem(this.name, JSON.stringify({ id: this.id, until: Date.now() + LEASE_MS }));
          this.lead();
        } else this.follow();
      } catch {
        this.lead(); // no storage: every tab for itself
      }
    };
    renew();
    setInterval(renew, RENEW_MS);
    addEventListener("pagehide", () => this.release());
  }

  release() {
    try {
      const held = JSON.parse(localStorage.getItem(this.name) || "null");
      if (held?.id === this.id) localStorage.removeItem(this.name);
    } catch {
      // nothing was held
    }
  }

  follow() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.leading = false;
  }

  lead() {
    if (this.leading) return;
    this.leading = true;
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    const source = new EventSource(`${this.url}?after=${this.after}`);
    this.source = source;
    for (const name of NAMES) source.addEventListener(name, (event) => this.got(name, event));
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

  tell(message) {
    this.last = message.kind === "state" ? message.state : this.last;
    this.take(message);
    this.channel?.postMessage(message);
  }

  heard(message) {
    if (message.kind === "who") {
      if (this.leading && this.last) this.channel.postMessage({ kind: "state", state: this.last });
    } else if (!this.leading) this.take(message);
  }

  take(message) {
    if (message.kind === "state") this.handlers.state(message.state);
    else {
      this.after = Math.max(this.after, message.after || 0);
      this.handlers.event(message.name, message.content);
    }
  }
}
