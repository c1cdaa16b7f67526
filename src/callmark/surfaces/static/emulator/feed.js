// What shows, as events from the emulator. Each connection begins with everything, so none has to be asked for again.
const SILENT_FOR_MS = 15000; // a heartbeat comes every five seconds
const AGAIN_AFTER_MS = 1500;

export class Feed {
  #path;
  #on;
  #source = null;
  #timer = 0;

  /** `on` has a function for each event's name, and `broken`, after which it connects again by itself. */
  constructor(path, on) {
    this.#path = path;
    this.#on = on;
    // A browser opens six connections to one site for all its tabs, so one that nobody sees lets its stream go.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
  }

  start() {
    if (!document.hidden) this.#open();
  }

  #open() {
    this.#close();
    const source = new EventSource(this.#path);
    this.#source = source;
    for (const [name, take] of Object.entries(this.#on)) {
      source.addEventListener(name, (event) => {
        this.#later(() => this.#broken(), SILENT_FOR_MS);
        take(JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      if (source === this.#source) this.#broken();
    };
  }

  #broken() {
    this.#close();
    this.#later(() => this.#open(), AGAIN_AFTER_MS * (0.5 + Math.random()));
    this.#on.broken();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #later(work, ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(work, ms);
  }
}
