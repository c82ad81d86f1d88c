// One tab of a browser leads: it holds the stream, sounds and notifies. Leadership is a Web Lock; where locks do not
// exist (plain http), it is a lease in localStorage that must be renewed. Without a channel between tabs each leads.
const RENEW_MS = 2000;
const LEASE_MS = 6000;

export class Leader {
  // changed(leads): called whenever this tab takes over or has to step back
  constructor(name, id, changed) {
    Object.assign(this, { name, id, changed, leads: false });
    if (!("BroadcastChannel" in window)) this.set(true);
    else if (navigator.locks) this.wait();
    else this.lease();
  }

  set(leads) {
    if (this.leads === leads) return;
    this.leads = leads;
    this.changed(leads);
  }

  wait() {
    this.queued = new AbortController();
    const { signal } = this.queued;
    navigator.locks.request(this.name, { signal }, () => this.hold()).catch(() => signal.aborted || this.lost());
  }

  // From a tab that holds the lock but says nothing any more: the browser froze it, or a debugger did.
  steal() {
    if (this.leads || !this.queued) return;
    this.queued.abort();
    this.queued = null;
    navigator.locks.request(this.name, { steal: true }, () => this.hold()).catch(() => this.lost());
  }

  hold() {
    return new Promise(() => this.set(true)); // for as long as the tab lives
  }

  lost() {
    this.set(false);
    this.wait();
  }

  // A lease is a promise to be alive: a frozen tab does not renew it, and another takes over.
  lease() {
    const renew = () => {
      try {
        const held = JSON.parse(localStorage.getItem(this.name) || "null");
        const free = !held || held.id === this.id || held.until < Date.now();
        if (free) localStorage.setItem(this.name, JSON.stringify({ id: this.id, until: Date.now() + LEASE_MS }));
        this.set(free);
      } catch {
        this.set(true); // no storage: every tab for itself
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
}
