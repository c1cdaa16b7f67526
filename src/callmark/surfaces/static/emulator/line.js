// The line to the emulator: this page becomes the handset, and the telephone network rings it (docs/emulator.md).
import { address, Backoff } from "./backoff.js";

export class Line {
  #path;
  #socket = null;
  #backoff = new Backoff();
  #on;
  #over = false;

  /** `on` has: message(message), broken() (it connects again), ended(reason, gone) (it does not). */
  constructor(phone, on) {
    this.#path = `/emulator/v1/handsets/${phone}/line`;
    this.#on = on;
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Takes the handset over; whoever had it before loses it. */
  take() {
    this.#over = false;
    const socket = new WebSocket(address(this.#path));
    this.#socket = socket;
    socket.onmessage = (event) => socket === this.#socket && this.#take(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#closed(event);
  }

  send(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
  }

  leave() {
    this.#over = true;
    this.#backoff.stop();
    this.#socket?.close(1000);
  }

  #take(message) {
    if (message.type === "opened") this.#backoff.worked();
    if (message.type === "closed" && !message.again) this.#over = true;
    this.#on.message(message);
    if (this.#over) this.#on.ended(message.reason, false);
  }

  #closed(event) {
    this.#socket = null;
    if (event.code === 4404) {
      this.#over = true;
      this.#on.ended(event.reason, true);
    }
    if (this.#over) return;
    this.#on.broken();
    this.#backoff.again(() => this.take());
  }
}
