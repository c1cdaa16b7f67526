// The product clock as a page knows it: the last instant the server told, plus the time passed since.
export class ProductClock {
  #told = Date.now();
  #at = performance.now();

  /** The server's product clock is at `ms` (epoch milliseconds) now. */
  set(ms) {
    this.#told = ms;
    this.#at = performance.now();
  }

  /** It is `ms` at least: what told the time may have come late, and something that has happened since says so. */
  isPast(ms) {
    if (this.now() < ms) this.set(ms);
  }

  now() {
    return this.#told + (performance.now() - this.#at);
  }
}

const two = (number) => String(Math.floor(number)).padStart(2, "0");

/** Hours and minutes, UTC as everything in the emulator. */
export const clockTime = (ms) => new Date(ms).toISOString().slice(11, 16);

export const longDate = (ms) =>
  new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }).format(ms);

export const instant = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;

/** A duration as a countdown: 59:59, 23:59:59 or 3 d 4 h. */
export function countdown(ms) {
  const s = Math.max(Math.ceil(ms / 1000), 0);
  if (s >= 2 * 86400) return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  const below = `${two((s % 3600) / 60)}:${two(s % 60)}`;
  return s >= 3600 ? `${two(s / 3600)}:${below}` : below;
}
