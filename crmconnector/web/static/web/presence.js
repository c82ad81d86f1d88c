// Which tabs of this browser show the desk, and is one of them looked at? Told between tabs when it changes; a visible
// tab says so again every few seconds, so that one that crashed is not believed for long. Hidden tabs need no timer.
const AGAIN_MS = 5000;
const BELIEVED_MS = 15000;

export class Presence {
  constructor(name, id) {
    this.id = id;
    this.tabs = new Map(); // id -> {visible, focused, touched, at}
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(`${name}-tabs`) : null;
    this.channel?.addEventListener("message", (message) => this.heard(message.data));
    const tell = () => this.tell();
    document.addEventListener("visibilitychange", tell);
    for (const name of ["focus", "blur", "pageshow"]) addEventListener(name, tell);
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, tell, { once: true, capture: true });
    addEventListener("pagehide", () => this.channel?.postMessage({ id, gone: true }));
    setInterval(() => document.hidden || this.tell(), AGAIN_MS);
    this.channel?.postMessage({ id, asks: true });
    this.tell();
  }

  now() {
    const visible = !document.hidden;
    const touched = navigator.userActivation?.hasBeenActive ?? true;
    return { id: this.id, visible, focused: visible && document.hasFocus(), touched };
  }

  tell() {
    this.channel?.postMessage(this.now());
  }

  heard(said) {
    if (said.asks) this.tell();
    else if (said.gone) this.tabs.delete(said.id);
    else this.tabs.set(said.id, { ...said, at: Date.now() });
  }

  all() {
    const fresh = Date.now() - BELIEVED_MS;
    return [this.now(), ...[...this.tabs.values()].filter((tab) => !tab.visible || tab.at > fresh)];
  }

  isVisible() {
    return this.all().some((tab) => tab.visible);
  }

  isLookedAt() {
    return this.all().some((tab) => tab.focused);
  }

  // The tab that can make a sound: this one if somebody has touched it, else another that was touched, else this one.
  loudest() {
    return this.all().find((tab) => tab.touched)?.id ?? this.id;
  }
}
