// A random part of a delay that doubles with each failure in a row. The emulator is near: it ends at five seconds.
const FIRST_MS = 1000;
const LONGEST_MS = 5000;

export class Backoff {
  #failures = 0;
  #timer = 0;

  again(work) {
    const delay = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 10), LONGEST_MS);
    this.#failures += 1;
    this.stop();
    this.#timer = setTimeout(work, delay * (0.2 + 0.8 * Math.random()));
  }

  worked() {
    this.#failures = 0;
  }

  stop() {
    clearTimeout(this.#timer);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A WebSocket address of this site. */
export function address(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}
