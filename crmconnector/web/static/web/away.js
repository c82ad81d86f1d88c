// Cards that a person put away: what comes late for them must not bring them back. A newer version does while the call
// goes on; when it was over, only a call that goes on again. That is remembered beyond a reload and for every tab,
// because the page may be loaded anew before the server has heard of it.
const REMEMBERED_MS = 20 * 60 * 1000; // longer than the server shows a closed card that nobody put away
const MOST = 100;

export class Away {
  constructor(key) {
    Object.assign(this, { key, known: new Map() });
    for (const pop of Object.keys(this.stored())) this.known.set(Number(pop), { version: 0, over: true });
  }

  covers(pop, version, state) {
    const one = this.known.get(pop);
    return one !== undefined && (version <= one.version || (one.over && state === "closed"));
  }

  add(pop, version, over) {
    this.known.set(pop, { version, over });
  }

  // By hand: also after a reload.
  keep(pop, version, over) {
    this.add(pop, version, over);
    if (!over) return;
    const kept = Object.entries({ ...this.stored(), [pop]: Date.now() }).sort((one, other) => other[1] - one[1]);
    try {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(kept.slice(0, MOST))));
    } catch {
      // storage may be forbidden: this page remembers it, and the server in a moment
    }
  }

  stored() {
    try {
      const read = Object.entries(JSON.parse(localStorage.getItem(this.key) || "{}"));
      return Object.fromEntries(read.filter(([, at]) => Date.now() - at < REMEMBERED_MS));
    } catch {
      return {};
    }
  }
}
