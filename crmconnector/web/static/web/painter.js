// At most ten drawings a second, each with the newest version of everything that changed: a burst of calls or a phone
// that flutters never takes the page away from whoever types.
const EVERY_MS = 100;

export class Painter {
  constructor(draw) {
    Object.assign(this, { draw, waiting: new Map(), due: false, drawnAt: -Infinity });
    document.addEventListener("visibilitychange", () => document.hidden && this.flush()); // frames stop, the title goes on
  }

  add(key, version, content) {
    if ((this.waiting.get(key)?.version ?? -1) >= version) return;
    this.waiting.set(key, { version, content });
    if (this.due) return;
    this.due = true;
    const wait = EVERY_MS - (performance.now() - this.drawnAt);
    if (wait > 0) setTimeout(() => this.frame(), wait);
    else this.frame();
  }

  frame() {
    if (document.hidden) this.flush();
    else requestAnimationFrame(() => this.flush());
  }

  flush() {
    if (!this.waiting.size) return;
    const contents = [...this.waiting.values()].map((one) => one.content);
    this.waiting.clear();
    this.due = false;
    this.drawnAt = performance.now();
    this.draw(contents);
  }
}
