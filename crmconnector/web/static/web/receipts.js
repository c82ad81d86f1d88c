// Tells the server which cards this browser placed on a page (delivered) and which were looked at (seen), so that it
// can later be said why somebody saw a card or not. Once per browser and card, at most one request a second: the tabs
// tell the one that leads, and that one tells the server.
const EVERY_MS = 1000;
const AT_ONCE = 50;
const REMEMBERED = 300;
const DESK_KEY = "desk";
const KNOWN_KEY = "desk.receipts";

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // forbidden storage: this page is a desk of its own
  }
}

export class Receipts {
  // leads(): whether this tab does
  constructor({ url, token, name, leads }) {
    Object.assign(this, { url, token, leads, waiting: new Map(), sentAt: -Infinity, timer: null, sending: false });
    this.desk = stored(DESK_KEY) || [...crypto.getRandomValues(new Uint8Array(12))].map((n) => n.toString(16).padStart(2, "0")).join("");
    store(DESK_KEY, this.desk);
    this.known = [];
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(`${name}-receipts`) : null;
    this.channel?.addEventListener("message", ({ data }) => this.leads() && this.collect(data.pop, data.seen));
    addEventListener("pagehide", () => this.leave());
  }

  note(pop, seen) {
    if (this.leads()) this.collect(pop, seen);
    else this.channel?.postMessage({ pop, seen });
  }

  collect(pop, seen) {
    const now = performance.now();
    const known = this.read();
    const one = this.waiting.get(pop) ?? { placed: now, seen: null };
    const news = [...(known.includes(`${pop}d`) ? [] : [`${pop}d`]), ...(seen && !known.includes(`${pop}s`) ? [`${pop}s`] : [])];
    if (!news.length) return;
    this.known = [...known, ...news].slice(-REMEMBERED);
    store(KNOWN_KEY, JSON.stringify(this.known));
    if (seen) one.seen ??= now;
    this.waiting.set(pop, one);
    this.soon();
  }

  // What was told already: by this page before it was loaded anew, or by a tab that led before.
  read() {
    try {
      const known = JSON.parse(stored(KNOWN_KEY) || "[]");
      return Array.isArray(known) && known.length ? known : this.known;
    } catch {
      return this.known;
    }
  }

  soon() {
    if (this.timer !== null || this.sending) return;
    const wait = EVERY_MS - (performance.now() - this.sentAt);
    if (wait <= 0) this.send();
    else this.timer = setTimeout(() => { this.timer = null; this.send(); }, wait);
  }

  // pop:age:age, the ages in whole milliseconds since it was placed and since it was seen
  body(some) {
    const now = performance.now();
    const fields = new URLSearchParams({ csrfmiddlewaretoken: this.token, desk: this.desk });
    for (const [pop, { placed, seen }] of some) {
      fields.append("card", `${pop}:${Math.round(now - placed)}:${seen === null ? "" : Math.round(now - seen)}`);
    }
    return fields;
  }

  async send() {
    const some = [...this.waiting].slice(0, AT_ONCE);
    if (!some.length) return;
    for (const [pop] of some) this.waiting.delete(pop);
    this.sentAt = performance.now();
    this.sending = true;
    let kept = false;
    try {
      const answer = await fetch(this.url, { method: "POST", body: this.body(some), redirect: "error", keepalive: true });
      kept = answer.status < 500 && answer.status !== 429;
    } catch {
      // the server is away; again with the next card
    }
    this.sending = false;
    if (!kept) for (const [pop, one] of some) this.waiting.set(pop, this.waiting.get(pop) ?? one);
    while (this.waiting.size > 4 * AT_ONCE) this.waiting.delete(this.waiting.keys().next().value);
    if (kept && this.waiting.size) this.soon();
  }

  leave() {
    if (this.waiting.size) navigator.sendBeacon?.(this.url, this.body([...this.waiting].slice(0, AT_ONCE)));
    this.waiting.clear();
  }
}
