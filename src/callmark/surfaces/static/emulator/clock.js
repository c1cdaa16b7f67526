// The product clock as a page knows it: the last instant the server told, plus the time passed since.
export class ProductClock {
  #told = Date.now();
  #at = performance.now();

  /** The server's product clock is at `ms` (epoch milliseconds) now. */
  set(ms) {
    this.#told = ms;
    this.#at = performance.now();
  }

  now() {
    return this.#told + (performance.now() - this.#at);
  }
}

const two = (number) => String(Math.floor(number)).padStart(2, "0");

const formats = new Map();

/** How clocks in a zone tell `options`; a zone that this browser does not know is told as UTC. */
function format(name, zone, options) {
  const key = `${name} ${zone}`;
  if (!formats.has(key)) {
    let made;
    try {
      made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    } catch {
      made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
    }
    formats.set(key, made);
  }
  return formats.get(key);
}

/** Offsets from UTC as scripts may write them: `+05:30`, `GMT+0530`. Not every browser takes one for a zone. */
const OFFSET = /^(?:GMT|UTC)?([+-])(\d{2}):?(\d{2})$/;

function inZone(name, ms, zone, options) {
  const [, sign, hours, minutes] = zone.match(OFFSET) ?? [];
  if (!sign) return format(name, zone, options).format(ms);
  return format(name, "UTC", options).format(ms + Number(`${sign}1`) * (hours * 60 + Number(minutes)) * 60_000);
}

/** Hours and minutes in a handset's own zone. */
export const clockTime = (ms, zone = "UTC") =>
  inZone("time", ms, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const longDate = (ms, zone = "UTC") =>
  inZone("date", ms, zone, { weekday: "long", day: "numeric", month: "long" });

export const instant = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;

/** A duration as a countdown: 59:59, 23:59:59 or 3 d 4 h. */
export function countdown(ms) {
  const s = Math.max(Math.ceil(ms / 1000), 0);
  if (s >= 2 * 86400) return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  const below = `${two((s % 3600) / 60)}:${two(s % 60)}`;
  return s >= 3600 ? `${two(s / 3600)}:${below}` : below;
}
